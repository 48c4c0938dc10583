"""The engine tensorrt against a GPU of tests: order of the calls, buckets, padding, CUDA graphs, falling back."""

import ctypes.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert.bundle import open_bundle
from edgebert.engines import EngineWarning, open_session
from edgebert.errors import EngineUnavailableError
from edgebert.loader import load

# what every program below begins with: rows of these lengths, the answers of ONNX Runtime to the same graph
HEAD = """
import json, sys, threading
import numpy as np
import tensorrt
from edgebert.bundle import open_bundle
from edgebert.engines import open_session
bundle = open_bundle(sys.argv[1])
generator = np.random.default_rng(0)
def rows(*lengths):
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int32)
    ids = generator.integers(1, 60, mask.shape, np.int32) * mask
    return ids, mask, generator.integers(0, 2, mask.shape, np.int32) * mask
reference = open_session(bundle, "onnxruntime", 1)
session = open_session(bundle, "tensorrt", 1)
def error(given):
    return float(np.abs(session.run(*given) - reference.run(*given)).max())
def log():
    lines = tensorrt.log()[log.seen:]
    log.seen += len(lines)
    return lines
log.seen = 0
out = {}
"""


@pytest.fixture(scope="module")
def prepared(jetson_bundle: Path, fake_gpu: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a device on which the bundle is prepared; INT8 won, so that rows differ by no rounding."""
    environment = {**fake_gpu, "EDGEBERT_CACHE": str(tmp_path_factory.mktemp("engines"))}
    program = "import sys; from pathlib import Path; from edgebert.prepare import prepare; prepare(Path(sys.argv[1]))"
    slow = {**environment, "FAKE_TENSORRT_FAIL": "slow:fp16"}
    subprocess.run([sys.executable, "-c", program, jetson_bundle], env=slow, check=True, timeout=120)
    return environment


def on_gpu(bundle: Path, environment: dict[str, str], program: str) -> dict:
    command = [sys.executable, "-c", f"{HEAD}\n{program}\nprint(json.dumps(out))", str(bundle)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_bucket_binds_by_name_warms_up_and_is_captured_once(
    jetson_bundle: Path, prepared: dict[str, str]
) -> None:
    found = on_gpu(
        jetson_bundle,
        prepared,
        """
out["opened"] = log()
out["error"] = error(rows(3))
out["first"] = log()
out["again"] = error(rows(4))
out["second"] = log()
out["longer"] = error(rows(16))
out["third"] = log()
""",
    )
    assert max(found["error"], found["again"], found["longer"]) < 1e-6
    # the longest is made at once, so that a lack of memory is found where another engine can still be taken
    assert found["opened"][:3] == ["create stream", "create context", "profile 2"]
    assert found["opened"].count("begin capture") == 1
    first = [line for line in found["first"] if not line.startswith("read")]
    # the shapes come before the buffers that need them, all of them before a run, and that before the capture
    assert first[:2] == ["create context", "profile 0"]
    assert [line for line in first if line.startswith("shape")] == [
        f"shape {name} [1, 4]" for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    calls = [re.sub(" .*", "", line) if line.startswith(("shape", "address")) else line for line in first]
    bind = ["shape", "allocate", "address"]
    capture = ["enqueue", "synchronize", "begin capture", "enqueue", "end capture"]
    run = ["launch", "synchronize"]
    assert calls == ["create context", "profile 0", "synchronize", *bind * 3, "allocate", "address", *capture, *run]
    # the next text of the bucket is one launch
    assert [line for line in found["second"] if not line.startswith("read")] == run
    assert [line for line in found["third"] if not line.startswith("read")] == run


def test_a_bucket_is_never_captured_again_or_replayed_with_another_shape(
    jetson_bundle: Path, prepared: dict[str, str]
) -> None:
    found = on_gpu(
        jetson_bundle,
        prepared,
        """
out["errors"] = [error(rows(length)) for length in (3, 8, 2, 16, 7, 1, 9, 4, 5)]
out["log"] = log()
""",
    )
    assert max(found["errors"]) < 1e-6
    assert found["log"].count("begin capture") == 3
    assert found["log"].count("launch") == 9
    shapes = [
        tuple(map(len, (json.loads(line.split(" ", 2)[2])[0],))) for line in found["log"] if "read input_ids" in line
    ]
    # each bucket computes once to warm up; a captured run computes nothing until it is launched
    assert sorted(set(shapes)) == [(4,), (8,), (16,)] and len(shapes) == 3 + 9


def test_batches_are_split_and_padded_with_a_row_of_one_token(jetson_bundle: Path, prepared: dict[str, str]) -> None:
    found = on_gpu(
        jetson_bundle,
        prepared,
        """
given = rows(8, 2, 6, 16, 5, 4, 7, 3)
together = session.run(*given)
out["error"] = float(np.abs(together - reference.run(*given)).max())
out["padding"] = bool((together[given[1] == 0] == 0).all())
out["log"] = log()
alone = [session.run(*(array[row : row + 1, : given[1][row].sum()] for array in given)) for row in range(8)]
out["same"] = all(together[row, : part.shape[1]].tobytes() == part[0].tobytes() for row, part in enumerate(alone))
""",
    )
    assert found["error"] < 1e-6 and found["padding"]
    assert found["same"]
    # 2, 4 and 3 tokens go one by one; 8, 6, 5 and 7 in twos; 16 alone
    assert found["log"].count("launch") == 3 + 2 + 1
    masks = [json.loads(line.split(" ", 2)[2]) for line in found["log"] if line.startswith("read attention_mask")]
    assert all(row == sorted(row, reverse=True) and row[0] == 1 for mask in masks for row in mask)
    assert sorted(sum(row) for mask in masks[-1:] for row in mask) == [16]


def test_an_odd_row_shares_its_batch_with_nobody(jetson_bundle: Path, prepared: dict[str, str]) -> None:
    found = on_gpu(
        jetson_bundle,
        prepared,
        """
session.run(*rows(8))
log()
out["error"] = error(rows(8, 7, 6))
out["log"] = log()
""",
    )
    assert found["error"] < 1e-6
    masks = [json.loads(line.split(" ", 2)[2]) for line in found["log"] if line.startswith("read attention_mask")]
    assert masks[1] == [[1] * 6 + [0] * 2, [1] + [0] * 7]


def test_without_cuda_graphs_every_run_is_enqueued(jetson_bundle: Path, prepared: dict[str, str]) -> None:
    found = on_gpu(
        jetson_bundle,
        prepared,
        """
log()
tensorrt.refuse_capture()
out["errors"] = [error(rows(4)) for _ in range(3)]
out["log"] = log()
""",
    )
    assert max(found["errors"]) < 1e-6
    assert found["log"].count("launch") == 0
    assert found["log"].count("enqueue") == 2 + 3


def test_a_session_may_move_to_another_thread_and_gives_everything_back(
    jetson_bundle: Path, prepared: dict[str, str]
) -> None:
    found = on_gpu(
        jetson_bundle,
        prepared,
        """
session.run(*rows(4, 8))
thread = threading.Thread(target=lambda: out.update(error=error(rows(5))))
thread.start()
thread.join()
log()
del session
out["log"] = log()
""",
    )
    assert found["error"] < 1e-6
    kinds = [re.sub("s$", "", line) for line in found["log"]]
    made = ["destroy context"] * 3 + ["destroy graph"] * 3 + ["destroy stream"] + ["free"] * 12
    assert kinds == [*made, "release context"]


def test_what_is_wrong_with_arrays_is_found_before_the_gpu_sees_them(
    jetson_bundle: Path, prepared: dict[str, str]
) -> None:
    found = on_gpu(
        jetson_bundle,
        prepared,
        """
from edgebert.errors import InputError
for name, given in {"long": rows(17), "empty": (np.zeros((1, 4), np.int32),) * 2}.items():
    log()
    try:
        session.run(*given)
    except InputError as wrong:
        out[name] = [str(wrong), log()]
""",
    )
    assert found["long"] == ["row 0 has 17 tokens, the model takes 16: cut it", []]
    assert "has no token" in found["empty"][0] and found["empty"][1] == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"EDGEBERT_CACHE": "/nowhere"}, "its engine is not built for this device yet: run `edgebert prepare"),
        ({"FAKE_CUDA_NAME": "Orin Nano"}, "its engine is not built for this device yet"),
        ({"FAKE_TENSORRT_VERSION": "10.4.0"}, "its engine is not built for this device yet"),
        ({"FAKE_TENSORRT_VERSION": "11.4.1"}, "TensorRT 11.4.1 is too new, this bundle is for"),
        ({"FAKE_TENSORRT_VERSION": "8.5.2"}, "TensorRT 8.5.2 is too old, this bundle is for"),
        ({"FAKE_CUDA_NONE": "1"}, "there is no NVIDIA GPU (CUDA_ERROR_NO_DEVICE)"),
        ({"LD_LIBRARY_PATH": ""}, "there is no NVIDIA GPU (no libcuda.so.1)"),
        ({"PYTHONPATH": ""}, "tensorrt is not installed: on a machine with an NVIDIA GPU, pip install"),
    ],
)
def test_load_falls_back_with_one_warning(
    jetson_bundle: Path, prepared: dict[str, str], change: dict[str, str], reason: str
) -> None:
    if change == {"LD_LIBRARY_PATH": ""} and ctypes.util.find_library("cuda") is not None:
        pytest.skip("this machine has a driver of NVIDIA's own")
    program = """
import sys, warnings, json, edgebert
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model = edgebert.load(sys.argv[1])
print(json.dumps([model.session.engine, [[str(one.message), one.category.__name__, one.filename] for one in caught]]))
"""
    command = [sys.executable, "-c", program, str(jetson_bundle)]
    done = subprocess.run(command, env={**prepared, **change}, capture_output=True, text=True, check=True, timeout=60)
    engine, warned = json.loads(done.stdout)
    assert engine == "onnxruntime"
    ((message, category, file),) = warned
    assert category == "EngineWarning" and file == "<string>"
    assert message.startswith("onnxruntime runs instead of tensorrt: ") and reason in message


def test_an_engine_that_is_asked_for_is_not_replaced(jetson_bundle: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="tensorrt is not installed"):
        load(jetson_bundle, "tensorrt")
    with pytest.raises(EngineUnavailableError, match="does not run the baseline"):
        open_session(open_bundle(jetson_bundle), "tensorrt", 1, baseline=True)
    with pytest.warns(EngineWarning, match="onnxruntime runs instead"):
        assert load(jetson_bundle).session.engine == "onnxruntime"


def test_verify_runs_on_the_engine_that_was_prepared(jetson_bundle: Path, prepared: dict[str, str]) -> None:
    command = [sys.executable, "-m", "edgebert.cli", "verify", str(jetson_bundle), "--json"]
    done = subprocess.run(command, env=prepared, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)["engine"] == "tensorrt"


def test_importing_edgebert_loads_no_tensorrt(fake_gpu: dict[str, str]) -> None:
    program = "import sys, edgebert, edgebert.engines, edgebert.engines.tensorrt, edgebert.prepare\n"
    program += "print([name for name in sys.modules if name.startswith('tensorrt')])"
    done = subprocess.run([sys.executable, "-c", program], env=fake_gpu, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_too_little_memory_for_the_longest_text_is_found_when_the_bundle_is_loaded(
    jetson_bundle: Path, prepared: dict[str, str]
) -> None:
    program = "import sys, edgebert; print(edgebert.load(sys.argv[1]).session.engine)"
    command = [sys.executable, "-W", "ignore", "-c", program, str(jetson_bundle)]
    environment = {**prepared, "FAKE_TENSORRT_FAIL": "context"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "onnxruntime\n"
