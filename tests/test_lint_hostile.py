"""Files that are no graph, or a hostile one: one line each, and never a crash."""

import itertools
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import constant, insert_before, node, store
from onnx import TensorProto, helper
from qdq import Form, qdq_graph

from edgebert.errors import EngineError, InputError, MissingExtraError
from edgebert.export.lint import Source, lint, lint_file, nvidia, platform_named
from edgebert.export.lint.read import read_model

JETPACK_6 = platform_named()


@pytest.fixture(scope="module")
def good() -> bytes:
    return bytes(qdq_graph().SerializeToString())


def refused(path, words):
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def save(folder, model):
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "holds no graph with nodes"),
        (b"hello, I am a text\n", "is not an ONNX file"),
        (b"\x89PNG\r\n\x1a\n" * 9, "is not an ONNX file"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), "holds no graph with nodes"),
    ],
)
def test_what_is_no_graph(tmp_path, raw, words):
    (tmp_path / "model.onnx").write_bytes(raw)
    refused(tmp_path / "model.onnx", words)


def test_what_is_not_there(tmp_path):
    refused(tmp_path / "none.onnx", "No such file")


def test_a_file_that_is_cut_off(tmp_path, good):
    for kept in (len(good) // 7, len(good) // 2, len(good) - 1):
        (tmp_path / "model.onnx").write_bytes(good[:kept])
        with pytest.raises(InputError):
            read_model(tmp_path / "model.onnx")


def test_a_file_beyond_what_protobuf_holds(tmp_path):
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(2**31)  # sparse: takes no space
    refused(path, "more than the 2 GiB")


def test_a_cycle_and_a_gap(tmp_path):
    model = qdq_graph()
    node(model, "layer.0.scores").input[0] = "layer.0.context"
    refused(save(tmp_path, model), "reads 'layer.0.context', which no node before it makes")
    model = qdq_graph()
    node(model, "layer.0.gelu").input[0] = "nowhere"
    refused(save(tmp_path, model), "a cycle or a gap")
    with pytest.raises(InputError, match="a cycle or a gap"):
        lint(model, JETPACK_6)


def test_a_tensor_that_is_made_twice(tmp_path):
    model = qdq_graph()
    insert_before(model, "layer.0.gelu", helper.make_node("Identity", ["half"], ["layer.0.gelu"], name="twice"))
    refused(save(tmp_path, model), "'layer.0.gelu' is made twice")


def external(model, name, **where):
    tensor = constant(model, name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in where.items():
        tensor.external_data.add(key=key, value=str(text))


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"location": "../secret"}, "outside the folder"),
        ({"location": "/etc/passwd"}, "outside the folder"),
        ({"location": ""}, "outside the folder"),
        ({}, "outside the folder"),
        ({"location": "link"}, "outside the folder"),
        ({"location": "none.bin"}, "which is missing"),
        ({"location": "data.bin", "offset": 90, "length": 20}, "wants more data"),
        ({"location": "data.bin", "offset": -1}, "wants more data"),
        ({"location": "data.bin", "length": "many"}, "wants more data"),
    ],
)
def test_external_data_that_lies_elsewhere(tmp_path, where, words):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "data.bin").write_bytes(bytes(100))
    (folder / "link").symlink_to(tmp_path / "secret")
    model = qdq_graph()
    external(model, "pooler.bias", **where)
    refused(save(folder, model), words)


def test_external_data_beside_the_graph_is_read(tmp_path):
    model = qdq_graph()
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, size_threshold=0)
    assert lint_file(Source(tmp_path / "model.onnx", None), JETPACK_6) == []
    model = qdq_graph()  # saving has changed the other
    store(model, "layer.0.qkv.input.scale", np.array(0, np.float32))
    (tmp_path / "other").mkdir()
    onnx.save(model, tmp_path / "other" / "model.onnx", save_as_external_data=True, size_threshold=0)
    found = lint_file(Source(tmp_path / "other" / "model.onnx", None), JETPACK_6)
    assert {each.rule for each in found} == {"scale-sign"}


def test_a_shape_without_the_bytes_reserves_no_memory():
    model = qdq_graph()
    constant(model, "layer.0.qkv.input.scale").dims[:] = [2**40]
    assert "invalid-onnx" in {each.rule for each in lint(model, JETPACK_6)}


def test_a_long_chain_is_read_in_linear_time():
    model = qdq_graph()
    names = ["layer.0.gelu", *(f"chain.{at}" for at in range(20_000))]
    chain = [helper.make_node("Transpose", [old], [new], name=new) for old, new in itertools.pairwise(names)]
    model.graph.node.extend(chain)
    assert {each.severity for each in lint(model, JETPACK_6)} <= {"warning"}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_flipped_bytes_never_crash(tmp_path_factory, good, data):
    raw = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("flipped") / "model.onnx"
    path.write_bytes(raw)
    try:
        lint_file(Source(path, None), JETPACK_6)
    except InputError as error:
        assert "\n" not in str(error)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_graphs_that_lost_a_part_never_crash(data):
    model = qdq_graph(Form(jetpack=data.draw(st.sampled_from([5, 6, 7]))))
    for _ in range(data.draw(st.integers(1, 3))):
        each = model.graph.node[data.draw(st.integers(0, len(model.graph.node) - 1))]
        part = data.draw(st.sampled_from(["input", "output", "attribute", "op_type", "all", "swap"]))
        if part == "op_type":
            each.op_type = data.draw(st.sampled_from([other.op_type for other in model.graph.node]))
        elif part == "swap":
            each.input[:] = list(reversed(each.input))
        elif part == "all":
            model.graph.node.remove(each)
        else:
            del getattr(each, part)[data.draw(st.integers(0, 2)) :]
    try:
        lint(model, JETPACK_6)
    except InputError as error:
        assert "\n" not in str(error)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_constants_of_other_types_and_shapes_never_crash(data):
    model = qdq_graph(Form(jetpack=data.draw(st.sampled_from([5, 6, 7]))))
    names = [tensor.name for tensor in model.graph.initializer]
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4)):
        tensor = constant(model, name)
        part = data.draw(st.sampled_from(["data_type", "dims", "raw_data", "both"]))
        if part in ("data_type", "both"):
            tensor.data_type = data.draw(st.sampled_from([*TensorProto.DataType.values(), -1, 999]))
        if part in ("dims", "both"):
            tensor.dims[:] = data.draw(st.lists(st.sampled_from([-1, 0, 1, 2, 32, 2**40, 2**62]), max_size=3))
        if part == "raw_data":
            tensor.raw_data = data.draw(st.binary(max_size=8))
    try:
        lint(model, JETPACK_6)
    except InputError as error:
        assert "\n" not in str(error)


# --- NVIDIA's parser


def pretend(monkeypatch, tmp_path, program):
    """Let a program of our own answer in the place of NVIDIA's parser."""
    worker = tmp_path / "worker.py"
    worker.write_text(f"import os, signal, sys, time\n{program}\n")
    monkeypatch.setattr(nvidia, "_WORKER", worker)
    monkeypatch.setattr(nvidia, "available", lambda: True)
    return tmp_path / "model.onnx"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV on"),
        ("sys.stderr.write('no memory'); os.abort()", "was ended by SIGABRT on"),
        ("time.sleep(60)", "did not end within 0.5 s"),
        ("sys.exit(3)", "it said nothing"),
        ("sys.stderr.write('a library is\\nmissing'); sys.exit(1)", "a library is missing"),
        ("print('{}')", "it said nothing"),
        ("print('[1, 2]')", "it said nothing"),
        ('print(\'{"error": "ImportError: libcuda"}\')', "ImportError: libcuda"),
        ('print(\'{"found": {"errors": 7}}\')', "it said nothing"),
    ],
)
def test_a_parser_that_fails_is_one_line(monkeypatch, tmp_path, program, words):
    path = pretend(monkeypatch, tmp_path, program)
    with pytest.raises(EngineError) as caught:
        nvidia.ask_nvidia(path, timeout=0.5 if "sleep" in program else 60)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_parser_that_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(nvidia, "available", lambda: False)
    with pytest.raises(MissingExtraError, match=r"edgebert\[tensorrt-check\]"):
        nvidia.ask_nvidia(tmp_path / "model.onnx")


@pytest.mark.skipif(not nvidia.available(), reason="NVIDIA's parser is not installed (tensorrt-check)")
def test_nvidia_names_the_node_or_the_file(tmp_path):
    model = qdq_graph()
    store(model, "layer.0.qkv.input.scale", np.array(0, np.float32))
    verdict = nvidia.ask_nvidia_about(model)
    assert verdict.errors[0].node == "layer.0.qkv.input.quantized"
    assert verdict.errors[0].operator == "QuantizeLinear"
    assert "positive" in verdict.errors[0].message
    assert nvidia.ask_nvidia(tmp_path / "none.onnx").errors[0].message
    verdict = nvidia.ask_nvidia_about(qdq_graph(), build=True, tokens=99)
    assert verdict.engine_bytes is None and "99 != 24" in verdict.errors[0].message


def test_the_lint_loads_neither_torch_nor_nvidia():
    program = (
        "import sys; from edgebert.export.lint import lint_file; from edgebert.export.lint.nvidia import ask_nvidia\n"
        "print(sorted({'torch', 'transformers', 'optimum', 'tensorrt_rtx', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
