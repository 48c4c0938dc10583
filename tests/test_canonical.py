"""The canonical graph in every dialect: FP32 answers are PyTorch's, and in INT8 what is meant to be INT8 is."""

import dataclasses
import itertools
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from checkpoints import VOCABULARY, save_classifier, save_encoder
from onnx import TensorProto, numpy_helper

from edgebert.errors import CheckpointError, InputError
from edgebert.export.canonical import FLOAT, LinearPlan, Plan, build, dialect_named
from edgebert.export.canonical.dialects import (
    ORT_ARM64,
    ORT_X86,
    TAPPED,
    TENSORRT_8_5,
    TENSORRT_8_6,
    TENSORRT_10_13,
)
from edgebert.export.canonical.plan import quantized_tensors
from edgebert.export.checkpoint import load_checkpoint
from edgebert.export.graph import with_outputs
from edgebert.export.lower.weights import KINDS, read_weights

LAYERS = 2
TENSORRT = (TENSORRT_8_5, TENSORRT_8_6, TENSORRT_10_13)
DIALECTS = (TAPPED, *TENSORRT, ORT_X86, ORT_ARM64)
PARTS = ("query", "key", "value")
NAMES = [f"layer.{layer}.{kind}" for layer in range(LAYERS) for kind in KINDS]
SHAPES = ({}, {"hidden_size": 52, "num_attention_heads": 2}, {"hidden_size": 64, "intermediate_size": 64})


def padded_batch(tokens=9):
    generator = np.random.default_rng(0)
    ids = generator.integers(0, len(VOCABULARY), (3, tokens)).astype(np.int32)
    mask = (np.arange(tokens) < np.array([[tokens], [5], [1]])).astype(np.int32)
    types = (np.arange(tokens) >= np.array([[4], [9], [0]])).astype(np.int32)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def run(model, feed=None, outputs=None):
    content = model if isinstance(model, bytes) else model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(outputs, feed or padded_batch())


def checkpoint_of(folder, kind, **settings):
    path = save_encoder(folder, **settings) if kind == "embed" else save_classifier(folder, ["a", "b", "c"], **settings)
    return load_checkpoint(str(path), kind, "tiny")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    # biases that are not zero and norms that are not one, so that a forgotten one shows
    checkpoint = checkpoint_of(tmp_path_factory.mktemp("c") / "m", "embed", hidden_size=64, num_attention_heads=4)
    torch.manual_seed(1)
    for name, value in checkpoint.model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            value.data += 0.1 * torch.randn_like(value)
    return checkpoint


@pytest.fixture(scope="module")
def weights(encoder):
    return read_weights(encoder)


def full_plan(weights, residual=True, attention=True, smoothing=None):
    """A plan with everything in INT8 and ranges that clip nothing of the padded batch."""
    plan = Plan({name: LinearPlan(smoothing=smoothing) for name in NAMES}, {}, residual, attention)
    if smoothing is not None:
        plan = dataclasses.replace(plan, linears={name: LinearPlan(smoothing=smoothing) for name in NAMES[:1]})
    in_float = {name: dataclasses.replace(linear, int8=False) for name, linear in plan.linears.items()}
    tensors = [*quantized_tensors(plan, LAYERS), *(f"layer.{layer}.context" for layer in range(LAYERS))]
    found = run(with_outputs(build(weights, Plan(in_float), TAPPED), tensors), outputs=tensors)
    ranges = {name: float(np.abs(values).max()) for name, values in zip(tensors, found, strict=True)}
    return dataclasses.replace(plan, ranges=ranges)


@pytest.mark.parametrize("kind", ["embed", "classify"])
@pytest.mark.parametrize("settings", SHAPES, ids=["head 8", "head 26", "square"])
def test_in_float_every_dialect_gives_the_answers_of_pytorch(tmp_path, kind, settings):
    checkpoint = checkpoint_of(tmp_path / "m", kind, **settings)
    feed = padded_batch()
    with torch.inference_mode():
        wanted = checkpoint.model(**{key: torch.from_numpy(value).long() for key, value in feed.items()})[0].numpy()
    counted = feed["attention_mask"][..., None] if kind == "embed" else 1
    for dialect in DIALECTS:
        # embeddings are rounded to INT8 in the graphs for ONNX Runtime, everything to FP16 in that of TensorRT 10.13
        tolerance = 0.03 if dialect.integer_embeddings else 0.005 if dialect.half else 2e-6
        model = build(read_weights(checkpoint), FLOAT, dialect)
        onnx.checker.check_model(model, full_check=True)
        found = run(model)[0]
        assert found.dtype == np.float32 and found.shape == wanted.shape
        np.testing.assert_allclose(found * counted, wanted * counted, atol=tolerance, err_msg=dialect.name)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_same_content_gives_the_same_bytes_in_the_operators_of_the_dialect(weights, dialect):
    plan = FLOAT if dialect.taps else full_plan(weights, dialect in TENSORRT, dialect in TENSORRT)
    first, second = (build(weights, plan, dialect).SerializeToString() for _ in range(2))
    assert first == second
    model = onnx.load_from_string(first)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", dialect.opset)]
    assert {node.domain for node in model.graph.node} == {""}
    operators = {node.op_type for node in model.graph.node}
    assert ("LayerNormalization" in operators) == dialect.operator_norms
    assert not operators & {"Gelu", "DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul"}
    assert dialect_named(dialect.name) is dialect
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names) and all(names)


def test_an_unknown_dialect():
    with pytest.raises(InputError, match=r"there is no dialect 'trt7': choose one of tapped, tensorrt-8\.5"):
        dialect_named("trt7")


def types_of(model):
    """The element type of every tensor."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = {each.name: each.type.tensor_type.elem_type for each in (*inferred.value_info, *inferred.output)}
    return types | {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def pairs_of(model):
    """Names of the activations with a quantizer, and the (scale, zero point) of each."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {
        node.name.removesuffix(".quantized"): (constants[node.input[1]], constants[node.input[2]])
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and ".weight" not in node.name
    }


@pytest.mark.parametrize("dialect", TENSORRT, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(("residual", "attention"), list(itertools.product([False, True], [False, True])))
def test_every_intended_tensor_of_a_tensorrt_graph_is_int8(weights, dialect, residual, attention):
    plan = full_plan(weights, residual, attention)
    model = build(weights, plan, dialect)
    onnx.checker.check_model(model, full_check=True)
    found = pairs_of(model)
    probabilities = [f"layer.{layer}.probabilities" for layer in range(LAYERS)] if attention else []
    assert sorted(found) == sorted([*quantized_tensors(plan, LAYERS), *probabilities])
    assert len(found) == LAYERS * (4 + 2 * residual + 4 * attention)
    for name, (scale, zero_point) in found.items():
        wanted = 1 / 127 if name.endswith("probabilities") else plan.ranges[name] / 127
        assert scale.shape == zero_point.shape == () and zero_point.dtype == np.int8 and zero_point == 0
        assert scale.dtype == dialect.float_type
        assert scale == pytest.approx(wanted, rel=1e-3)
    types = types_of(model)
    assert {types[f"{name}.quantized"] for name in found} == {TensorProto.INT8}
    assert {types[f"{name}.dequantized"] for name in found} == {types["layer.0.output_norm"]}


def weights_of(model):
    """Of every dequantized weight: its codes [in, out], its scales and its axis."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = {node.output[0]: node for node in model.graph.node}
    found = {}
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear" or ".weight" not in node.name:
            continue
        assert not constants[node.input[2]].any() and constants[node.input[2]].dtype == np.int8
        codes = constants.get(node.input[0])
        scales = constants[node.input[1]]
        if codes is None:
            quantizer = nodes[node.input[0]]
            assert list(quantizer.input[1:]) == list(node.input[1:]) and quantizer.attribute == node.attribute
            codes = np.rint(constants[quantizer.input[0]] / scales)
        found[node.name.removesuffix(".weight.dequantized")] = codes, scales, node.attribute[0].i
    return found


@pytest.mark.parametrize("dialect", DIALECTS[1:], ids=lambda dialect: dialect.name)
def test_weights_have_a_scale_for_each_output_on_the_right_axis(weights, dialect):
    found = weights_of(build(weights, full_plan(weights, False, False), dialect))
    wanted = {
        name: weights.layers[int(name.split(".")[1])].linears[name.split(".")[2]].weight.numpy() for name in NAMES
    }
    if not dialect.merged_qkv:
        for layer in range(LAYERS):
            parts = np.split(wanted.pop(f"layer.{layer}.qkv"), 3, axis=1)
            wanted |= {f"layer.{layer}.qkv.{name}": part for name, part in zip(PARTS, parts, strict=True)}
    assert found.keys() == wanted.keys()
    for name, (codes, scales, axis) in found.items():
        assert axis == 1 and scales.shape == (codes.shape[1],) and (scales > 0).all()
        assert np.abs(codes).max() == dialect.weight_limit
        # rounded to the nearest code, scales to float16 where the dialect has it
        np.testing.assert_allclose(codes * scales.astype(np.float32), wanted[name], atol=0.52 * float(scales.max()))


def test_storing_weights_in_float_or_in_int8_is_the_same(weights):
    plan = full_plan(weights)
    stored = build(weights, plan, dataclasses.replace(TENSORRT_8_6, weights_in_float=False))
    assert {tensor.data_type for tensor in stored.graph.initializer} >= {TensorProto.INT8}
    assert np.array_equal(run(build(weights, plan, TENSORRT_8_6))[0], run(stored)[0])


@pytest.mark.parametrize("dialect", DIALECTS[1:], ids=lambda dialect: dialect.name)
def test_int8_is_near_float(weights, dialect):
    mask = padded_batch()["attention_mask"].astype(bool)
    wanted = run(build(weights, FLOAT, TAPPED))[0][mask]
    found = run(build(weights, full_plan(weights, dialect in TENSORRT, dialect in TENSORRT), dialect))[0][mask]
    assert 0 < np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.03


def test_int8_is_what_the_formulas_say(weights):
    """One linear layer in INT8, against numpy."""
    name, smoothing = "layer.0.intermediate", np.linspace(0.5, 2, 64).astype(np.float32)
    shift, amax = np.linspace(-1, 1, 96).astype(np.float32), 3.0
    layer = LinearPlan(smoothing=tuple(smoothing.tolist()), bias_shift=tuple(shift.tolist()))
    model = build(weights, Plan({name: layer}, {f"{name}.input": amax}), TENSORRT_8_6)
    read, found = run(with_outputs(model, ["layer.0.attention_norm", name]), outputs=["layer.0.attention_norm", name])
    linear = weights.layers[0].linears["intermediate"]
    weight = linear.weight.numpy() / smoothing[:, None]
    scales = np.abs(weight).max(axis=0) / 127
    codes = np.clip(np.rint(read * smoothing / np.float32(amax / 127)), -128, 127)
    product = (codes.astype(np.int64) @ np.rint(weight / scales).astype(np.int64)) * (amax / 127) * scales
    np.testing.assert_allclose(found, product + linear.bias.numpy() + shift, atol=2e-5)


def test_smoothing_alone_changes_nothing(weights):
    generator = np.random.default_rng(0)
    linears = {}
    for name in NAMES:
        inputs = weights.layers[0].linears[name.split(".")[2]].weight.shape[0]
        smoothing = tuple(np.exp(generator.uniform(-2, 2, inputs)).tolist())
        linears[name] = LinearPlan(int8=False, smoothing=smoothing)
    model = build(weights, Plan(linears), TAPPED)
    assert Counter(node.op_type for node in model.graph.node)["Mul"] == len(NAMES) + 1 + 2 * LAYERS  # the mask, GELU
    np.testing.assert_allclose(run(model)[0], run(build(weights, FLOAT, TAPPED))[0], atol=1e-5)
    smoothed = run(with_outputs(model, ["layer.1.qkv.input", "layer.1.qkv.unsmoothed"]))[1:]
    np.testing.assert_allclose(smoothed[0], smoothed[1] * np.float32(linears["layer.1.qkv"].smoothing), rtol=1e-6)


def test_layers_left_in_float_are_products_of_floats(weights):
    left_out = frozenset(["layer.0.qkv", "layer.1.output"])
    plan = full_plan(weights).without(left_out)
    model = build(weights, plan, TENSORRT_8_6)
    assert {name.rsplit(".", 1)[0] if "qkv" in name else name for name in weights_of(model)} == set(NAMES) - left_out
    assert not {f"{name}.input" for name in left_out} & pairs_of(model).keys()
    with pytest.raises(InputError, match=r"there is no INT8 layer 'layer\.9\.qkv'"):
        plan.without(["layer.9.qkv"])


def test_attention_in_int8_ends_in_int8(weights):
    """Where the next product is in float, or smoothed first, attention's output has a quantizer of its own."""
    plan = full_plan(weights).without(["layer.1.attention_output"])
    found = pairs_of(build(weights, plan, TENSORRT_8_6))
    assert "layer.1.context" in found and "layer.0.context" not in found
    linears = {**plan.linears, "layer.0.attention_output": LinearPlan(smoothing=(0.5,) * 64)}
    found = pairs_of(build(weights, dataclasses.replace(plan, linears=linears), TENSORRT_8_6))
    assert {"layer.0.context", "layer.0.attention_output.input"} <= found.keys()


@pytest.mark.parametrize("value", [None, 0.0, -1.0, float("inf"), float("nan")])
def test_a_range_that_cannot_be_used(weights, value):
    plan = full_plan(weights)
    ranges = {**plan.ranges, "layer.1.qkv.input": value}
    with pytest.raises(InputError, match=r"the range of 'layer\.1\.qkv\.input' is .*: calibrate this model again"):
        build(weights, dataclasses.replace(plan, ranges=ranges), TENSORRT_8_6)


@pytest.mark.parametrize("dialect", DIALECTS[1:], ids=lambda dialect: dialect.name)
def test_scales_are_never_zero(encoder, dialect):
    weights = read_weights(encoder)
    dead = weights.layers[0].linears["output"].weight.clone()
    dead[:, 3] = 0
    linears = {
        **weights.layers[0].linears,
        "output": dataclasses.replace(weights.layers[0].linears["output"], weight=dead),
    }
    layers = (dataclasses.replace(weights.layers[0], linears=linears), weights.layers[1])
    weights = dataclasses.replace(weights, layers=layers)
    plan = full_plan(weights, False, False)
    model = build(weights, dataclasses.replace(plan, ranges=dict.fromkeys(plan.ranges, 1e-30)), dialect)
    scales = [value for tensor in model.graph.initializer if tensor.name.endswith(".scale") for value in [tensor]]
    assert all((numpy_helper.to_array(scale) > 0).all() for scale in scales)
    assert np.isfinite(run(model)[0]).all()


def test_weights_that_do_not_fit_half_precision(encoder):
    weights = dataclasses.replace(read_weights(encoder), word=read_weights(encoder).word * 1e7)
    with pytest.raises(CheckpointError, match=r"the weight 'embeddings\.word\.weight' holds values beyond 65504"):
        build(weights, FLOAT, TENSORRT_10_13)
    build(weights, FLOAT, TENSORRT_8_6)


def executed(model, tmp_path):
    """The kernels that ONNX Runtime runs, after its own fusions."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)


@pytest.mark.parametrize("dialect", [ORT_X86, ORT_ARM64], ids=lambda dialect: dialect.name)
def test_every_linear_layer_of_the_encoder_is_an_integer_kernel_of_onnxruntime(weights, dialect, tmp_path):
    found = executed(build(weights, full_plan(weights, False, False), dialect), tmp_path)
    assert found["MatMulIntegerToFloat"] == 4 * LAYERS
    assert found["DequantizeLinear"] == 0
    assert found["MatMul"] == 2 * LAYERS  # the products of attention


def test_the_graph_for_tensorrt_would_not_do_for_onnxruntime(weights, tmp_path):
    """Why there is a dialect of its own: ONNX Runtime makes no integer kernel of products that share a quantizer."""
    found = executed(build(weights, full_plan(weights, False, False), TENSORRT_8_6), tmp_path)
    assert found["MatMulIntegerToFloat"] == 3 * LAYERS
