"""What the export writes for a Jetson, the device takes: prepared, checked and run there, with a GPU of tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoints import save_classifier, save_encoder

from edgebert.bundle import open_bundle
from edgebert.export import Recipe, export
from edgebert.prepare import Options, prepare
from edgebert.tensorrt.plan import read_plan

pytestmark = pytest.mark.slow

TEXTS = [f"turn on light {n} in the kitchen please " * (n % 3 + 1) for n in range(60)]


def run(environment: dict[str, str], *arguments: str) -> dict:
    command = [sys.executable, "-m", "edgebert.cli", *arguments, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(TEXTS))
    return str(path)


@pytest.mark.parametrize(("jetpack", "version", "task"), [(6, "10.3.0.30", "classify"), (7, "11.4.1", "embed")])
def test_an_exported_bundle_is_prepared_and_verified(
    fake_gpu: dict[str, str], texts: str, tmp_path: Path, jetpack: int, version: str, task: str
) -> None:
    source = tmp_path / "checkpoint"
    if task == "classify":
        save_classifier(source, ["light", "music", "battery"], hidden_size=64)
    else:
        save_encoder(source, hidden_size=64)
    output = tmp_path / "x.bundle"
    export(Recipe(output, model=str(source), calibration=texts, target="jetson", jetpack=jetpack))
    environment = {**fake_gpu, "EDGEBERT_CACHE": str(tmp_path / "engines"), "FAKE_TENSORRT_VERSION": version}
    prepared = run(environment, "prepare", str(output), "--quiet")
    tolerance = open_bundle(output).manifest.tolerance["tensorrt"]
    assert set(prepared["golden"]) == set(prepared["race"]) == {"int8", "fp16"}
    assert all(difference <= tolerance for difference in prepared["golden"].values())
    # the stand-in computes INT8 as the export did, so that nothing but padding and FP16 can differ
    assert prepared["golden"]["int8"] < prepared["golden"]["fp16"]
    verified = run(environment, "verify", str(output))
    assert verified["engine"] == "tensorrt" and verified["largest_difference"] <= tolerance
    assert run(environment, "doctor", str(output))["engine"] == "tensorrt"


def test_the_real_builder_takes_an_exported_bundle(texts: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="the extra tensorrt-check is not installed")
    output = tmp_path / "x.bundle"
    export(Recipe(output, model=str(save_encoder(tmp_path / "c")), calibration=texts, target="jetson"))
    found = prepare(output, Options(cache=tmp_path / "engines", library="tensorrt_rtx"))
    assert found.race == "not run: no GPU" and Path(found.engine).stat().st_size > 100_000
    assert read_plan(open_bundle(output)).profiles[-1].tokens == 64
