"""Sessions check what they are given, and the same row gives the same bits whatever it is sent with."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgebert.bundle import BASELINE, MANIFEST, MODEL, open_bundle
from edgebert.engines import Session, open_session
from edgebert.errors import BundleError, EngineError, InputError

IDS = np.array([[2, 45, 46, 3], [2, 50, 3, 0], [2, 3, 0, 0]], np.int32)
MASK = (IDS != 0).astype(np.int32)


@pytest.fixture(scope="module")
def session(embed_bundle: Path) -> Session:
    return open_session(open_bundle(embed_bundle), None, 1)


def test_shapes(session: Session, classify_bundle: Path) -> None:
    assert session.engine == "onnxruntime"
    tokens = session.run(IDS, MASK)
    assert tokens.shape == (3, 4, 8)
    assert tokens.dtype == np.float32
    assert not tokens[MASK == 0].any()
    logits = open_session(open_bundle(classify_bundle), "onnxruntime", 1).run(IDS, MASK)
    assert logits.shape == (3, 3)


def test_a_row_has_the_same_bits_alone_and_in_a_batch(session: Session) -> None:
    together = session.run(IDS, MASK)
    for row, length in enumerate(MASK.sum(axis=1)):
        alone = session.run(IDS[row : row + 1, :length], MASK[row : row + 1, :length])
        assert alone.tobytes() == together[row, :length].tobytes()


def test_the_test_model_would_change_in_a_batch(embed_bundle: Path) -> None:
    import onnxruntime

    raw = onnxruntime.InferenceSession(str(embed_bundle / MODEL), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in raw.get_inputs()]
    together = raw.run(None, dict(zip(names, (IDS, MASK, np.zeros_like(IDS)), strict=True)))[0]
    alone = raw.run(None, dict(zip(names, (IDS[2:, :2], MASK[2:, :2], np.zeros_like(IDS[2:, :2])), strict=True)))[0]
    assert not np.array_equal(together[2, :2], alone[0])


def test_type_ids_count_and_are_zero_when_left_out(session: Session) -> None:
    zeros = np.zeros_like(IDS)
    assert np.array_equal(session.run(IDS, MASK), session.run(IDS, MASK, zeros))
    assert not np.array_equal(session.run(IDS, MASK), session.run(IDS, MASK, zeros + 1))


def test_threads_give_the_same_bits(session: Session, embed_bundle: Path) -> None:
    two = open_session(open_bundle(embed_bundle), None, 2)
    assert np.array_equal(session.run(IDS, MASK), two.run(IDS, MASK))


def test_a_session_leaves_the_arithmetic_of_the_process_alone(session: Session) -> None:
    session.run(IDS, MASK)
    smallest = np.finfo(np.float64).smallest_subnormal
    assert smallest * np.float64(1) > 0
    assert np.float64(2.3e-308) / 4 > 0


def test_the_baseline_is_another_graph(session: Session, embed_bundle: Path) -> None:
    baseline = open_session(open_bundle(embed_bundle), None, 1, baseline=True)
    assert not np.array_equal(session.run(IDS, MASK), baseline.run(IDS, MASK))
    assert np.allclose(session.run(IDS, MASK), baseline.run(IDS, MASK), atol=0.2)


def test_a_slim_bundle_has_no_baseline(own_bundle: Path) -> None:
    document = json.loads((own_bundle / MANIFEST).read_text())
    del document["files"][BASELINE]
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"holds no model\.fp32\.onnx: export it again without --slim"):
        open_session(open_bundle(own_bundle), None, 1, baseline=True)


@pytest.mark.parametrize(
    ("ids", "mask", "types", "message"),
    [
        (IDS.astype(np.int64), MASK, None, "input_ids must be an int32 array .* not int64"),
        (IDS.tolist(), MASK, None, "input_ids must be an int32 array .* not list"),
        (IDS[0], MASK[0], None, r"input_ids must be an int32 array .* not int32 \[4\]"),
        (IDS, MASK[:2], None, r"attention_mask has shape \[2, 4\], input_ids has \[3, 4\]"),
        (IDS, MASK, np.zeros((3, 3), np.int32), "token_type_ids has shape"),
        (IDS, MASK, np.full_like(IDS, 2), "token_type_ids holds 2, it must be from 0 to 1"),
        (np.full_like(IDS, 5000), MASK, None, "input_ids holds 5000"),
        (np.full_like(IDS, -1), MASK, None, "input_ids holds -1"),
        (IDS, MASK * 2, None, "attention_mask holds 2"),
        (IDS, MASK * 0, None, "row 0 of attention_mask has no token"),
        (IDS, np.array([[1, 1, 1, 1], [1, 0, 1, 0], [1, 1, 0, 0]], np.int32), None, "a zero before a one"),
        (np.zeros((0, 4), np.int32), np.zeros((0, 4), np.int32), None, "give at least one row"),
        (np.zeros((1, 0), np.int32), np.zeros((1, 0), np.int32), None, "give at least one row"),
        (np.ones((1, 17), np.int32), np.ones((1, 17), np.int32), None, "has 17 tokens, the model takes 16"),
    ],
)
def test_bad_arrays_are_refused(session: Session, ids: object, mask: object, types: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        session.run(ids, mask, types)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [0, -1, 1025, 1.5, "2", True, None])
def test_bad_threads_are_refused(embed_bundle: Path, threads: int) -> None:
    with pytest.raises(InputError, match="threads is"):
        open_session(open_bundle(embed_bundle), None, threads)


def _with_engines(bundle: Path, engines: list[str]) -> Path:
    document = json.loads((bundle / MANIFEST).read_text())
    document["engines"] = engines
    for field in ("scheme", "tolerance", "accuracy"):
        document[field] = dict.fromkeys(engines, document[field]["onnxruntime"])
    (bundle / MANIFEST).write_text(json.dumps(document))
    return bundle


def test_engines_that_cannot_be_used_are_named(own_bundle: Path) -> None:
    with pytest.raises(EngineError, match="there is no engine 'tpu': choose one of tensorrt, native, onnxruntime"):
        open_session(open_bundle(own_bundle), "tpu", 1)
    later = open_bundle(_with_engines(own_bundle, ["later"]))
    with pytest.raises(EngineError, match="cannot run on engine 'onnxruntime': it was exported for later"):
        open_session(later, "onnxruntime", 1)
    with pytest.raises(EngineError, match=r"no engine of this edgebert runs .*: it was exported for later"):
        open_session(later, None, 1)


def test_an_engine_of_a_later_version_is_passed_over(own_bundle: Path) -> None:
    bundle = open_bundle(_with_engines(own_bundle, ["later", "onnxruntime"]))
    assert open_session(bundle, None, 1).engine == "onnxruntime"


def test_an_engine_that_is_not_installed_names_the_pip_command(embed_bundle: Path) -> None:
    program = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "import edgebert\n"
        "try: edgebert.load(sys.argv[1])\n"
        "except edgebert.EdgebertError as error: print(error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-c", program, str(embed_bundle)], capture_output=True, text=True, check=True
    )
    assert found.stdout == 'onnxruntime is not installed: pip install "edgebert[onnxruntime]"\n'


def _change(graph: Path, change: Callable[[onnx.GraphProto], object]) -> None:
    model = onnx.load(graph)
    change(model.graph)
    graph.write_bytes(model.SerializeToString())


def test_a_graph_that_is_no_encoder_is_refused(own_bundle: Path, seal: Callable[[Path], None]) -> None:
    def rename(graph: onnx.GraphProto) -> None:
        graph.input[0].name = "pixels"
        graph.node[0].input[1] = "pixels"

    _change(own_bundle / MODEL, rename)
    seal(own_bundle)
    with pytest.raises(EngineError, match="is not the graph of a BERT encoder, its inputs are"):
        open_session(open_bundle(own_bundle), None, 1)


def test_a_graph_of_another_size_is_refused(own_bundle: Path) -> None:
    document = json.loads((own_bundle / MANIFEST).read_text())
    document["shape"]["hidden"] = 9
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    session = open_session(open_bundle(own_bundle), None, 1)
    with pytest.raises(EngineError, match=r"gives float32 \[1, 4, 8\], the manifest says float32 \[1, 4, 9\]"):
        session.run(IDS, MASK)


def test_a_vocabulary_that_lies_is_an_engine_error(own_bundle: Path) -> None:
    document = json.loads((own_bundle / MANIFEST).read_text())
    document["shape"]["vocabulary"] = 1 << 20
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    session = open_session(open_bundle(own_bundle), None, 1)
    with pytest.raises(EngineError, match="onnxruntime cannot run") as caught:
        session.run(np.array([[1 << 19]], np.int32), np.ones((1, 1), np.int32))
    assert "\n" not in str(caught.value)


def test_weights_outside_the_folder_are_not_read(
    own_bundle: Path, tmp_path: Path, seal: Callable[[Path], None]
) -> None:
    def move(graph: onnx.GraphProto) -> None:
        words = next(tensor for tensor in graph.initializer if tensor.name == "words")
        (tmp_path / "secret.bin").write_bytes(words.raw_data)
        words.ClearField("raw_data")
        words.data_location = onnx.TensorProto.EXTERNAL
        words.external_data.add(key="location", value="../secret.bin")

    _change(own_bundle / MODEL, move)
    seal(own_bundle)
    with pytest.raises(EngineError, match="cannot open"):
        open_session(open_bundle(own_bundle), None, 1)
