"""The INT8 graph: what runs in integers, what cannot saturate, what smoothing leaves unchanged."""

import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from checkpoints import VOCABULARY, save_classifier, save_encoder
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper, numpy_helper

from edgebert.calibration import Sample, channel_maxima, run_graph
from edgebert.errors import CheckpointError, EngineError, InputError
from edgebert.export.checkpoint import load_checkpoint
from edgebert.export.embedding import quantize_embeddings, quantize_rows
from edgebert.export.graph import check_fusion, to_graph, with_outputs
from edgebert.export.linears import KINDS, find_linears
from edgebert.export.quantize import quantize
from edgebert.export.saturation import check_saturation, largest_pair_sum
from edgebert.export.smoothing import CANDIDATES, SMOOTHED, Alphas, smooth
from edgebert.export.targets import CPU_ARM64, CPU_X86

LAYERS = 2


def samples(count=8):
    generator = np.random.default_rng(0)
    rows = [generator.integers(0, len(VOCABULARY), (1, tokens)).astype(np.int32) for tokens in range(2, 2 + count)]
    return [Sample(ids, np.zeros_like(ids)) for ids in rows]


def graph_of(folder):
    checkpoint = load_checkpoint(str(folder), "auto", "tiny")
    return to_graph(checkpoint), checkpoint.shape


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return graph_of(save_encoder(tmp_path_factory.mktemp("c") / "encoder"))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return graph_of(save_classifier(tmp_path_factory.mktemp("c") / "classifier", ["a", "b", "c"]))


@pytest.fixture(scope="module")
def int8(encoder):
    return quantize(*encoder, samples(), CPU_X86).model


def weights_of(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def executed(model, tmp_path):
    """The kernels that ONNX Runtime runs, after its own fusions."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)


@pytest.mark.parametrize("kind", ["encoder", "classifier"])
def test_every_linear_layer_of_the_encoder_is_an_integer_kernel(kind, request, tmp_path):
    graph, shape = request.getfixturevalue(kind)
    found = executed(quantize(graph, shape, samples(), CPU_X86).model, tmp_path)
    integer = {name: found[name] for name in ("QAttention", "DynamicQuantizeMatMul", "MatMulIntegerToFloat")}
    assert integer["QAttention"] == LAYERS  # merged Q, K and V
    assert sum(integer.values()) == 4 * LAYERS
    assert (found["MatMul"], found["Attention"]) == (0, 0)
    # pooler and classifier stay in float
    assert found["Gemm"] + found["FusedGemm"] == (2 if kind == "classifier" else 0)


def test_embeddings_are_stored_as_int8(int8):
    stored = weights_of(int8)
    tables = [value for value in stored.values() if value.shape in ((len(VOCABULARY), 32), (64, 32))]
    assert [table.dtype for table in tables] == [np.int8, np.int8]


def test_weights_of_x86_have_seven_bits_and_of_arm_eight(encoder, int8):
    arm = quantize(*encoder, samples(), CPU_ARM64).model
    for model, limit in ((int8, 64), (arm, 127)):
        largest = {
            int(np.abs(weights_of(model)[node.input[1]].astype(int)).max())
            for node in model.graph.node
            if node.op_type in ("QAttention", "MatMulInteger")
        }
        assert largest == {limit}


def test_the_graph_given_is_not_changed(encoder):
    graph, shape = encoder
    before = graph.SerializeToString()
    quantize(graph, shape, samples(), CPU_X86)
    assert graph.SerializeToString() == before


def test_no_samples(encoder):
    with pytest.raises(InputError, match="give at least one text"):
        quantize(*encoder, [], CPU_X86)


def test_linears_are_found_by_kind(encoder):
    graph, shape = encoder
    found = find_linears(graph, shape)
    assert [linear.kind for linear in found] == list(KINDS) * LAYERS
    sizes = {linear.kind: weights_of(graph)[linear.weight].shape for linear in found}
    assert sizes == {"qkv": (32, 96), "attention_output": (32, 32), "intermediate": (32, 96), "output": (96, 32)}


def test_an_unfused_graph_is_refused(encoder):
    graph, shape = encoder
    broken = onnx.ModelProto()
    broken.CopyFrom(graph)
    next(node for node in broken.graph.node if node.op_type == "Attention").op_type = "Identity"
    with pytest.raises(CheckpointError, match="1 Attention nodes instead of 2"):
        check_fusion(broken, shape)
    with pytest.raises(CheckpointError, match="7 linear layers, 8"):
        find_linears(broken, shape)


# smoothing


@pytest.mark.parametrize("alphas", [each for each in CANDIDATES if each])
def test_smoothing_does_not_change_what_a_graph_computes(encoder, alphas):
    graph, shape = encoder
    smoothed = onnx.ModelProto()
    smoothed.CopyFrom(graph)
    linears = [linear for linear in find_linears(smoothed, shape) if linear.kind in SMOOTHED]
    inputs = [linear.input for linear in linears]
    smooth(smoothed, linears, channel_maxima(with_outputs(graph, inputs), inputs, samples()), alphas)
    onnx.checker.check_model(smoothed)
    for before, after in zip(
        run_graph(graph.SerializeToString(), samples()), run_graph(smoothed.SerializeToString(), samples()), strict=True
    ):
        np.testing.assert_allclose(before, after, atol=1e-5)


def test_the_smoothing_that_serves_best_is_chosen(encoder, monkeypatch):
    monkeypatch.setattr("edgebert.export.quantize.CANDIDATES", (Alphas(0.0, 0.0, 1.0), None))
    assert quantize(*encoder, samples(), CPU_X86).smoothing is None


# embeddings


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
    )
)
def test_rows_are_quantized_within_half_a_step(table):
    rows, scales = quantize_rows(table)
    assert rows.dtype == np.int8
    assert scales.dtype == np.float32
    assert rows.min(initial=0) >= -127
    assert (scales > 0).all()
    assert (np.abs(rows * scales.astype(np.float64) - table) <= scales * 0.5001).all()


def test_int8_embeddings_alone_are_near(encoder):
    graph, _ = encoder
    model = onnx.ModelProto()
    model.CopyFrom(graph)
    quantize_embeddings(model)
    onnx.checker.check_model(model)
    for before, after in zip(
        run_graph(graph.SerializeToString(), samples()), run_graph(model.SerializeToString(), samples()), strict=True
    ):
        assert 0 < np.abs(before - after).max() < 0.05


# saturation


def multiply_without_vnni(activation, weight):
    """What vpmaddubsw and vpmaddwd give: pairs of products are added in 16 bits and clipped there."""
    products = activation.astype(np.int32)[:, None] * weight.astype(np.int32)  # [in, out]
    pairs = products.reshape(-1, 2, weight.shape[1]).sum(axis=1)
    return np.clip(pairs, -32768, 32767).sum(axis=0)


def test_seven_bits_are_exact_without_vnni_and_eight_are_not(int8, encoder):
    full = quantize(*encoder, samples(), CPU_ARM64).model
    wrong = Counter()
    for name, model in (("seven", int8), ("eight", full)):
        for node in model.graph.node:
            if node.op_type not in ("QAttention", "MatMulInteger"):
                continue
            weight = weights_of(model)[node.input[1]]
            for signs in (np.ones(weight.shape[1]), -np.ones(weight.shape[1])):
                # for each output the worst activation: all of its weights of one sign, fully on
                for column in range(weight.shape[1]):
                    activation = np.where(weight[:, column] * signs[column] > 0, 255, 0)
                    exact = activation @ weight[:, column].astype(np.int64)
                    wrong[name] += int(multiply_without_vnni(activation, weight[:, [column]])[0] != exact)
    assert wrong["seven"] == 0
    assert wrong["eight"] > 0


@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 9), st.integers(1, 4))))
def test_the_largest_pair_sum_is_what_activations_can_reach(weight):
    padded = np.pad(weight.astype(int), ((0, weight.shape[0] % 2), (0, 0)))
    reached = max(
        abs(a * first + b * second)
        for first, second in zip(padded[::2].ravel(), padded[1::2].ravel(), strict=True)
        for a in (0, 255)
        for b in (0, 255)
    )
    assert largest_pair_sum(weight) == reached


def test_a_graph_that_could_saturate_is_refused(encoder, int8):
    check_saturation(int8)
    with pytest.raises(EngineError, match="more than 32767: store it in 7 bits"):
        check_saturation(quantize(*encoder, samples(), CPU_ARM64).model)


_ON_HASWELL = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
print(session.run(None, {"a": numpy.full((1, 64), 255, numpy.uint8)})[0][0, 0])
"""


@pytest.mark.skipif(shutil.which("qemu-x86_64-static") is None, reason="needs qemu-user-static, a CPU without VNNI")
@pytest.mark.parametrize(("bits", "value", "is_exact"), [(7, 64, True), (8, 127, False)])
def test_onnxruntime_on_a_cpu_without_vnni(tmp_path, bits, value, is_exact):
    inputs = [helper.make_tensor_value_info("a", TensorProto.UINT8, [1, 64])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT32, [1, 16])]
    weight = numpy_helper.from_array(np.full((64, 16), value, np.int8), "w")
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["a", "w"], ["y"])], "g", inputs, outputs, [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    command = ["qemu-x86_64-static", "-cpu", "Haswell", sys.executable, "-c", _ON_HASWELL, str(tmp_path / "m.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    assert (int(done.stdout) == 255 * value * 64) is is_exact, f"{bits} bits gave {done.stdout}"
