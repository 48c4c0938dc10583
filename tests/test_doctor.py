"""The doctor tells what a machine is and what it lacks, and measures whether INT8 helps."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_device import ORIN_CPU, ORIN_MODES, TEGRA, tree

from edgebert import _native
from edgebert.bundle import open_bundle
from edgebert.device import this_device
from edgebert.doctor import examine
from edgebert.doctor import trial as trials
from edgebert.doctor.engines import native_state, onnxruntime_state, tensorrt_state
from edgebert.doctor.trial import Trial, measure
from edgebert.errors import BundleError, EdgebertError

DEVICE = this_device()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for a moment instead of a second."""
    monkeypatch.setattr("edgebert.doctor.examination.measure", lambda: measure(0.01))


def test_the_trial_times_both_precisions_of_the_same_model() -> None:
    found = measure(0.05)
    assert found.path == _native.cpu_paths()[0]
    assert 0 < found.int8_ms < 1000 and 0 < found.fp32_ms < 1000
    assert found.times_faster == pytest.approx(found.fp32_ms / found.int8_ms)


def test_the_trial_opens_one_model_of_each_precision(tmp_path: Path) -> None:
    for precision in ("int8", "fp32"):
        path = tmp_path / precision
        trials._session(path, precision)
        assert _native.Model.open(bytes(path)).metadata["edgebert.precision"] == precision
    assert (tmp_path / "fp32").stat().st_size > 3.5 * (tmp_path / "int8").stat().st_size


def test_a_machine_without_a_place_for_files_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(trials.tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(EdgebertError, match="no temporary file can be written: Read-only file system"):
        measure()
    found = examine()
    assert found.int8 is None and found.int8_helps is None
    assert found.not_measured == "no temporary file can be written: Read-only file system"


@pytest.mark.parametrize(("faster", "helps"), [(3.0, True), (1.05, False), (0.8, False)])
def test_int8_helps_where_it_is_faster(monkeypatch: pytest.MonkeyPatch, faster: float, helps: bool, run) -> None:
    monkeypatch.setattr("edgebert.doctor.examination.measure", lambda: Trial("scalar", 32, 1.0, faster, faster))
    assert examine().int8_helps is helps
    words = run("doctor").stdout.decode()
    assert ("helps: 3.0 times" in words) is helps
    assert ("makes the model smaller, not faster" in words) is not helps


def test_this_machine(run) -> None:
    done = run("doctor")
    lines = dict(
        line.split("  ", 1) for line in done.stdout.decode().splitlines() if not line.startswith((" ", "miss"))
    )
    assert done.returncode == 0 and done.stderr == b""
    assert lines["engine native"].strip() == f"CPU path {_native.cpu_paths()[0]}"
    assert lines["engine tensorrt"].strip() == "does not run: tensorrt is not installed"
    document = json.loads(run("doctor", "--json").stdout)
    assert document["format"] == 1 and document["device"]["python"] == DEVICE.python
    assert [engine["name"] for engine in document["engines"]] == ["tensorrt", "native", "onnxruntime"]
    # nobody asked for TensorRT on a machine without an NVIDIA GPU
    problems = [] if DEVICE.gpu is None else ["tensorrt: tensorrt is not installed"]
    assert [finding["problem"] for finding in document["findings"]] == problems and document["bundle"] is None


def test_a_jetson_with_jetpack_4(tmp_path: Path) -> None:
    old = "# R32 (release), REVISION: 7.1, GCID: 29689809, BOARD: t186ref, EABI: aarch64, DATE: Wed Feb  2 2022\n"
    files = {"etc/nv_tegra_release": old, "proc/device-tree/compatible": "nvidia,p3449-0000\0nvidia,tegra210\0"}
    found = examine(root=tree(tmp_path, files))
    (finding,) = found.findings
    assert finding.problem == "tensorrt: JetPack 4.6 (L4T 32.7.1) is not supported, its TensorRT 8.2 is too old"
    assert finding.fix == "flash JetPack 5 or newer, or run the bundle with the engine native"


def test_a_jetson_without_the_python_module_and_in_a_small_power_mode(tmp_path: Path) -> None:
    files = {
        "etc/nv_tegra_release": TEGRA,
        "proc/device-tree/compatible": "nvidia,p3767-0005\0nvidia,tegra234\0",
        "proc/cpuinfo": ORIN_CPU.format(0),
        "etc/nvpmodel.conf": ORIN_MODES,
        "var/lib/nvpmodel/status": "pmode:0000\n",
    }
    module, mode = examine(root=tree(tmp_path, files)).findings
    assert module.problem == "tensorrt: tensorrt is not installed"
    assert module.fix.startswith("sudo apt install python3-libnvinfer") and "--system-site-packages" in module.fix
    assert mode.problem == "the power mode 15W holds this board back" and "sudo nvpmodel -m" in mode.fix


def test_jetpack_5_is_told_the_way_with_trtexec(tmp_path: Path) -> None:
    files = {"etc/nv_tegra_release": TEGRA.replace("R36", "R35"), "proc/device-tree/compatible": "nvidia,tegra194\0"}
    (finding,) = examine(root=tree(tmp_path, files)).findings
    assert "Python 3.8" in finding.fix and "--trtexec 8.5" in finding.fix


def test_a_bundle_and_its_engines(jetson_bundle: Path, embed_bundle: Path, run) -> None:
    found = examine(jetson_bundle)
    assert (found.bundle, found.engine) == ("tiny", "onnxruntime")
    assert [finding.problem for finding in found.findings] == ["tensorrt: tensorrt is not installed"]
    assert examine(embed_bundle).findings == ()
    assert "bundle              tiny: runs on onnxruntime" in run("doctor", jetson_bundle).stdout.decode()
    missing = dataclasses.replace(DEVICE, onnxruntime=None)
    state = onnxruntime_state(missing)
    assert (state.runs, state.fix) == (False, 'pip install "edgebert[onnxruntime]"')
    with pytest.raises(BundleError, match="there is no bundle"):
        examine(jetson_bundle / "nothing")
    assert native_state().runs


@pytest.mark.parametrize(
    ("change", "runs", "problem", "fix"),
    [
        ({}, False, "the engine of this bundle is not built here yet", "edgebert prepare"),
        (
            {"FAKE_TENSORRT_VERSION": "11.4.1"},
            False,
            "TensorRT 11.4.1 is too new",
            "export it again with --tensorrt 11.4",
        ),
        ({"FAKE_CUDA_NONE": "1"}, False, "there is no NVIDIA GPU, or no driver", "nvidia-smi"),
    ],
)
def test_tensorrt_with_a_bundle(
    jetson_bundle: Path,
    fake_gpu: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    runs: bool,
    problem: str,
    fix: str,
) -> None:
    own = {name: fake_gpu[name] for name in ("LD_LIBRARY_PATH", "PYTHONPATH")}
    for name, value in {**own, "EDGEBERT_CACHE": str(tmp_path), **change}.items():
        monkeypatch.setenv(name, value)
    state = tensorrt_state(DEVICE, open_bundle(jetson_bundle))
    assert state.runs is runs and problem in str(state.problem) and fix in str(state.fix)
    if not change:
        assert state.version == "10.3.0.30" and state.detail == "Orin, compute capability 8.7, CUDA 12.6"
        assert tensorrt_state(DEVICE, None).runs


def test_a_prepared_bundle_runs_on_tensorrt(jetson_bundle: Path, fake_gpu: dict[str, str], tmp_path: Path) -> None:
    environment = {**fake_gpu, "EDGEBERT_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "edgebert.cli"]
    subprocess.run([*command, "prepare", str(jetson_bundle), "-q"], env=environment, check=True, timeout=60)
    told = subprocess.run(
        [*command, "doctor", str(jetson_bundle), "--json"], env=environment, check=True, capture_output=True, timeout=60
    )
    document = json.loads(told.stdout)
    assert document["engine"] == "tensorrt" and document["findings"] == []
