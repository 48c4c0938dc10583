"""Good graphs broken in one way each: what every rule of the lint must catch, and what NVIDIA's parser says to it."""

import dataclasses
from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from qdq import Form, qdq_graph

Change = Callable[[onnx.ModelProto], None]


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A good graph, one change, and the rule that must name it."""

    rule: str
    change: Change
    form: Form = dataclasses.field(default_factory=Form)
    jetpack: int = 6  # that it is linted for
    target: str = "jetson"
    max_tokens: int | None = None
    parser: str = "takes"  # what NVIDIA's newest parser does: takes or refuses

    @property
    def name(self) -> str:
        return f"{self.rule}/{self.change.__name__}"

    def graph(self) -> onnx.ModelProto:
        model = qdq_graph(self.form)
        self.change(model)
        return model


MUTATIONS: list[Mutation] = []


def breaks(rule: str, **where: object) -> Callable[[Change], Change]:
    """Register a function that changes a good graph in place."""

    def register(change: Change) -> Change:
        MUTATIONS.append(Mutation(rule, change, **where))  # type: ignore[arg-type]
        return change

    return register


def node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(each for each in model.graph.node if each.name == name)


def constant(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(each for each in model.graph.initializer if each.name == name)


def value(model: onnx.ModelProto, name: str) -> np.ndarray:
    return numpy_helper.to_array(constant(model, name))


def store(model: onnx.ModelProto, name: str, array: np.ndarray) -> str:
    """Add a constant, or replace the one of that name."""
    tensor = numpy_helper.from_array(array, name)
    found = [each for each in model.graph.initializer if each.name == name]
    if found:
        found[0].CopyFrom(tensor)
    else:
        model.graph.initializer.append(tensor)
    return name


def insert_before(model: onnx.ModelProto, name: str, *nodes: onnx.NodeProto) -> None:
    at = [each.name for each in model.graph.node].index(name)
    for each in reversed(nodes):
        model.graph.node.insert(at, each)


def remove(model: onnx.ModelProto, name: str) -> None:
    """Remove a node and let its readers read its first input."""
    gone = node(model, name)
    source, output = gone.input[0], gone.output[0]
    model.graph.node.remove(gone)
    for each in model.graph.node:
        each.input[:] = [source if tensor == output else tensor for tensor in each.input]


def pair(model: onnx.ModelProto, before: str, tensor: str, name: str, scale: float = 0.03) -> str:
    """Put a Q/DQ pair on a tensor, before a node, and return what comes out."""
    store(model, f"{name}.scale", np.array(scale, np.float32))
    parameters = [f"{name}.scale", "activation.zero_point"]
    insert_before(
        model,
        before,
        helper.make_node("QuantizeLinear", [tensor, *parameters], [f"{name}.q"], name=f"{name}.q"),
        helper.make_node("DequantizeLinear", [f"{name}.q", *parameters], [f"{name}.dq"], name=f"{name}.dq"),
    )
    return f"{name}.dq"


def output(model: onnx.ModelProto, name: str, kind: int = TensorProto.FLOAT) -> None:
    """Make a tensor of three axes an output of the graph."""
    model.graph.output.append(helper.make_tensor_value_info(name, kind, ["a", "b", "c"]))


def set_axis(each: onnx.NodeProto, axis: int | None) -> None:
    for attribute in [a for a in each.attribute if a.name == "axis"]:
        each.attribute.remove(attribute)
    if axis is not None:
        each.attribute.append(helper.make_attribute("axis", axis))


INPUT = "layer.0.qkv.input"
FFN = "layer.0.intermediate"
SQUARE = "layer.0.attention_output.weight"


# --- the graph


@breaks("invalid-onnx", parser="refuses")
def a_node_without_its_inputs(model: onnx.ModelProto) -> None:
    del node(model, "layer.0.scores").input[1:]


@breaks("invalid-onnx")
def an_attribute_that_does_not_exist(model: onnx.ModelProto) -> None:
    node(model, "layer.0.gelu").attribute.append(helper.make_attribute("approximately", 1))


@breaks("opset-range", form=Form(jetpack=7), jetpack=6)
def opset_18_for_tensorrt_8(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 18


@breaks("opset-range", form=Form(jetpack=7), jetpack=7)
def opset_25(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 25


@breaks("opset-per-channel", form=Form(jetpack=5), jetpack=5, parser="refuses")
def opset_12(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 12


def _dynamic(model: onnx.ModelProto, product: str, domain: str = "") -> None:
    """Give a product the form that ONNX Runtime's dynamic quantization gives it."""
    each = node(model, product)
    data, _ = each.input
    weight = store(model, "weight.codes", np.ones((32, 64), np.int8))
    insert_before(
        model,
        product,
        helper.make_node("DynamicQuantizeLinear", [data], ["dq.codes", "dq.scale", "dq.zero"], name="dynamic"),
        helper.make_node("MatMulInteger", ["dq.codes", weight, "dq.zero"], ["sums"], name="integer", domain=domain),
        helper.make_node("Cast", ["sums"], ["float.sums"], name="float.sums", to=TensorProto.FLOAT),
    )
    each = node(model, product)
    each.op_type = "Mul"
    each.input[:] = ["float.sums", "dq.scale"]


@breaks("already-quantized", parser="refuses")
def quantized_dynamically(model: onnx.ModelProto) -> None:
    _dynamic(model, f"{FFN}.product")


@breaks("already-quantized", parser="refuses")
def attention_of_onnxruntime_in_int8(model: onnx.ModelProto) -> None:
    each = node(model, "layer.0.gelu")
    each.op_type, each.domain = "QAttention", "com.microsoft"
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


@breaks("foreign-domain", parser="refuses")
def gelu_of_onnxruntime(model: onnx.ModelProto) -> None:
    each = node(model, "layer.0.gelu")
    each.op_type, each.domain = "BiasGelu", "com.microsoft"
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


@breaks("foreign-domain", parser="refuses")
def a_custom_operator(model: onnx.ModelProto) -> None:
    each = node(model, "layer.0.gelu")
    each.op_type, each.domain = "MyGelu", "org.example"
    model.opset_import.append(helper.make_opsetid("org.example", 1))


@breaks("operator-unsupported", form=Form(jetpack=6), jetpack=5)
def layer_normalization_for_tensorrt_8_5(model: onnx.ModelProto) -> None:
    pass  # LayerNormalization is what the dialect of JetPack 6 has


@breaks("operator-unsupported", form=Form(jetpack=7), jetpack=6)
def gelu_for_tensorrt_8_6(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 20
    each = node(model, "layer.0.gelu")
    each.op_type = "Gelu"
    each.input[:] = ["layer.0.intermediate"]


@breaks("operator-unsupported", parser="refuses")
def an_operator_that_no_release_has(model: onnx.ModelProto) -> None:
    each = node(model, "layer.0.gelu.one")
    each.op_type = "Det"
    del each.input[1:]


@breaks("layernorm-outputs", parser="refuses")
def the_mean_of_a_layernorm_is_read(model: onnx.ModelProto) -> None:
    node(model, "layer.0.output_norm").output.append("mean")
    output(model, "mean")


@breaks("reduction-axes", form=Form(jetpack=7), jetpack=7, parser="refuses")
def axes_that_are_computed(model: onnx.ModelProto) -> None:
    insert_before(
        model,
        "first_token",
        helper.make_node("Size", ["input_ids"], ["length"], name="length"),
        helper.make_node("Sub", ["length", "length"], ["zero"], name="zero"),
        helper.make_node("Unsqueeze", ["zero", store(model, "first.axis", np.array([0]))], ["axes"], name="axes"),
        helper.make_node("ReduceMean", ["layer.0.gelu", "axes"], ["extra"], name="extra"),
    )
    output(model, "extra", TensorProto.FLOAT16)


@breaks("local-function")
def a_function_inside_the_model(model: onnx.ModelProto) -> None:
    one = helper.make_node("Identity", ["x"], ["y"])
    imports = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("org.example", "Same", ["x"], ["y"], [one], imports))


@breaks("control-flow")
def an_if(model: onnx.ModelProto) -> None:
    true = store(model, "true", np.array(True))
    branches = {}
    for branch in ("then_branch", "else_branch"):
        same = helper.make_node("Identity", ["logits"], [branch], name=branch)
        out = helper.make_tensor_value_info(branch, TensorProto.FLOAT, ["batch", 3])
        branches[branch] = helper.make_graph([same], branch, [], [out])
    model.graph.node.append(helper.make_node("If", [true], ["chosen"], name="if", **branches))
    model.graph.output[0].name = "chosen"


@breaks("input-rank", parser="refuses")
def an_input_without_a_shape(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


@breaks("softmax-axis")
def a_softmax_over_the_queries(model: onnx.ModelProto) -> None:
    set_axis(node(model, "layer.0.probabilities"), 2)


# --- types


@breaks("input-type")
def ids_in_uint8(model: onnx.ModelProto) -> None:
    model.graph.input[1].type.tensor_type.elem_type = TensorProto.UINT8


@breaks("input-int64")
def ids_in_int64(model: onnx.ModelProto) -> None:
    for each in model.graph.input:
        each.type.tensor_type.elem_type = TensorProto.INT64


@breaks("constant-type", parser="refuses")
def a_bias_in_int16(model: onnx.ModelProto) -> None:
    store(model, "short", np.ones(32, np.int16))
    insert_before(model, "pooler", helper.make_node("Cast", ["short"], ["long"], name="long", to=TensorProto.FLOAT))
    node(model, "pooler").input[1] = "long"


@breaks("constant-double")
def a_bias_in_double(model: onnx.ModelProto) -> None:
    store(model, "double", np.ones(32, np.float64))
    insert_before(
        model, "pooler", helper.make_node("Cast", ["double"], ["single"], name="single", to=TensorProto.FLOAT)
    )
    node(model, "pooler").input[1] = "single"


@breaks("quantized-type", jetpack=7, form=Form(jetpack=7), parser="refuses")
def a_weight_in_uint8(model: onnx.ModelProto) -> None:
    store(model, f"{FFN}.weight.quantized", value(model, f"{FFN}.weight.quantized").astype(np.uint8))


@breaks("float16-overflow")
def a_mask_of_the_lowest_number(model: onnx.ModelProto) -> None:
    store(model, "masked", np.array(np.finfo(np.float32).min))


@breaks("float16-overflow")
def a_mask_of_infinity(model: onnx.ModelProto) -> None:
    store(model, "masked", np.array(-np.inf, np.float32))


@breaks("float16-overflow")
def a_weight_that_is_not_a_number(model: onnx.ModelProto) -> None:
    weight = value(model, "pooler.weight").copy()
    weight[3, 3] = np.nan
    store(model, "pooler.weight", weight)


@breaks("cast-in-pair")
def a_cast_before_the_product(model: onnx.ModelProto) -> None:
    product = node(model, f"{FFN}.product")
    cast = helper.make_node("Cast", [product.input[0]], ["cast"], name="cast", to=TensorProto.FLOAT)
    product.input[0] = "cast"
    insert_before(model, product.name, cast)


@breaks("float32-typed-literally", jetpack=7)
def fp32_for_tensorrt_11(model: onnx.ModelProto) -> None:
    pass  # as the dialect of JetPack 6 is


# --- zero points


@breaks("zero-point-missing")
def no_zero_point(model: onnx.ModelProto) -> None:
    for part in ("quantized", "dequantized"):
        del node(model, f"{INPUT}.{part}").input[2:]


@breaks("zero-point-type", parser="refuses")
def unsigned_activations(model: onnx.ModelProto) -> None:
    zero = store(model, "unsigned", np.array(128, np.uint8))
    for part in ("quantized", "dequantized"):
        node(model, f"{INPUT}.{part}").input[2] = zero


@breaks("zero-point-value", parser="refuses")
def an_asymmetric_activation(model: onnx.ModelProto) -> None:
    zero = store(model, "five", np.array(5, np.int8))
    for part in ("quantized", "dequantized"):
        node(model, f"{INPUT}.{part}").input[2] = zero


@breaks("zero-point-count", parser="refuses")
def one_zero_point_for_many_scales(model: onnx.ModelProto) -> None:
    for part in ("quantized", "dequantized"):
        node(model, f"{SQUARE}.{part}").input[2] = "activation.zero_point"


@breaks("zero-point-computed")
def a_zero_point_that_is_computed(model: onnx.ModelProto) -> None:
    insert_before(
        model,
        f"{INPUT}.quantized",
        helper.make_node("ReduceMax", ["embeddings.norm"], ["most"], name="most", keepdims=0),
        helper.make_node("Cast", ["most"], ["zero"], name="zero", to=TensorProto.INT8),
    )
    for part in ("quantized", "dequantized"):
        node(model, f"{INPUT}.{part}").input[2] = "zero"


# --- scales


@breaks("scale-computed")
def a_scale_that_is_computed(model: onnx.ModelProto) -> None:
    insert_before(
        model,
        f"{INPUT}.quantized",
        helper.make_node("ReduceMax", ["embeddings.norm"], ["most"], name="most", keepdims=0),
    )
    for part in ("quantized", "dequantized"):
        node(model, f"{INPUT}.{part}").input[1] = "most"


@breaks("scale-sign", parser="refuses")
def a_dead_channel(model: onnx.ModelProto) -> None:
    scale = value(model, f"{SQUARE}.scale").copy()
    scale[7] = 0
    store(model, f"{SQUARE}.scale", scale)


@breaks("scale-sign", parser="refuses")
def a_negative_scale(model: onnx.ModelProto) -> None:
    store(model, f"{INPUT}.scale", np.array(-0.03, np.float32))


@breaks("scale-sign", parser="refuses")
def a_scale_that_is_not_a_number(model: onnx.ModelProto) -> None:
    store(model, f"{INPUT}.scale", np.array(np.nan, np.float32))


@breaks("scale-type", parser="refuses")
def a_scale_in_fp16_at_opset_17(model: onnx.ModelProto) -> None:
    store(model, f"{INPUT}.scale", np.array(0.03, np.float16))


@breaks("scale-type", form=Form(jetpack=7), jetpack=6)
def fp16_scales_for_tensorrt_8(model: onnx.ModelProto) -> None:
    pass  # as the dialect of JetPack 7 has them


@breaks("scale-mixed-types", form=Form(jetpack=7), jetpack=7, parser="refuses")
def an_fp32_scale_among_fp16(model: onnx.ModelProto) -> None:
    store(model, f"{INPUT}.scale", np.array(0.03, np.float32))


@breaks("scale-count", parser="refuses")
def a_scale_too_few(model: onnx.ModelProto) -> None:
    store(model, f"{SQUARE}.scale", np.full(31, 0.1, np.float32))
    store(model, f"{SQUARE}.zero", np.zeros(31, np.int8))
    for part in ("quantized", "dequantized"):
        node(model, f"{SQUARE}.{part}").input[1:] = [f"{SQUARE}.scale", f"{SQUARE}.zero"]


@breaks("scale-count", parser="refuses")
def an_axis_that_does_not_exist(model: onnx.ModelProto) -> None:
    for part in ("quantized", "dequantized"):
        set_axis(node(model, f"{SQUARE}.{part}"), 2)


@breaks("scale-blocked", form=Form(jetpack=7), jetpack=7)
def a_scale_for_every_block(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 21
    store(model, f"{SQUARE}.scale", np.full((2, 32), 0.01, np.float16))
    each = node(model, f"{SQUARE}.dequantized")
    each.input[2] = store(model, "zeros", np.zeros((2, 32), np.int8))
    set_axis(each, 0)
    each.attribute.append(helper.make_attribute("block_size", 16))


@breaks("activation-per-channel")
def a_scale_for_every_channel_of_an_activation(model: onnx.ModelProto) -> None:
    scale = store(model, "scales", np.full(32, 0.03, np.float32))
    for part in ("quantized", "dequantized"):
        each = node(model, f"{INPUT}.{part}")
        each.input[1:] = [scale, "weight.zero_points.32"]
        set_axis(each, 2)


@breaks("axis-missing")
def no_axis(model: onnx.ModelProto) -> None:
    for part in ("quantized", "dequantized"):
        set_axis(node(model, f"{SQUARE}.{part}"), None)


@breaks("scale-coarse", form=Form(jetpack=7), jetpack=7)
def a_scale_that_fp16_can_hardly_hold(model: onnx.ModelProto) -> None:
    store(model, f"{SQUARE}.scale", np.full(32, 1e-6, np.float16))


# --- weights


@breaks("weight-axis")
def the_wrong_axis_of_a_square_weight(model: onnx.ModelProto) -> None:
    weight = value(model, SQUARE)
    store(model, f"{SQUARE}.scale", (np.abs(weight).max(axis=1) / 127).astype(np.float32))
    for part in ("quantized", "dequantized"):
        set_axis(node(model, f"{SQUARE}.{part}"), 0)


@breaks("weight-axis")
def a_gemm_with_the_axis_of_a_matmul(model: onnx.ModelProto) -> None:
    # a Gemm has two axes: flatten that of the texts away
    product = node(model, "layer.0.attention_output.product")
    flat = store(model, "flat", np.array([-1, 32]))
    reshaped = helper.make_node("Reshape", [product.input[0], flat], ["flattened"], name="flattened")
    product.op_type, product.output[0] = "Gemm", "gemm"
    product.input[0] = "flattened"
    product.attribute.append(helper.make_attribute("transB", 1))
    insert_before(model, product.name, reshaped)
    shape = helper.make_node("Shape", ["embeddings.norm"], ["like"], name="like")
    back = helper.make_node("Reshape", ["gemm", "like"], ["layer.0.attention_output.product"], name="back")
    insert_before(model, "layer.0.attention_output", shape, back)


@breaks("weight-axis", form=Form(intermediate=64), parser="refuses")
def the_wrong_axis_of_a_wide_weight(model: onnx.ModelProto) -> None:
    for part in ("quantized", "dequantized"):
        set_axis(node(model, f"{FFN}.weight.{part}"), 0)


@breaks("weight-scale-misfit")
def the_scales_of_another_weight(model: onnx.ModelProto) -> None:
    store(model, f"{SQUARE}.scale", np.full(32, 1e-4, np.float32))


@breaks("weight-per-tensor")
def one_scale_for_a_weight(model: onnx.ModelProto) -> None:
    scale = store(model, "one.scale", np.abs(value(model, SQUARE)).max() / np.float32(127))
    for part in ("quantized", "dequantized"):
        each = node(model, f"{SQUARE}.{part}")
        each.input[1:] = [scale, "activation.zero_point"]
        set_axis(each, None)


@breaks("int8-initializer")
def an_int8_weight_for_tensorrt_8(model: onnx.ModelProto) -> None:
    scale = value(model, f"{SQUARE}.scale")
    codes = store(model, "codes", np.rint(value(model, SQUARE) / scale).astype(np.int8))
    model.graph.node.remove(node(model, f"{SQUARE}.quantized"))
    node(model, f"{SQUARE}.dequantized").input[0] = codes


def _bias(model: onnx.ModelProto, kind: type[np.int32] | type[np.int8]) -> None:
    inputs = [store(model, "bias.codes", np.ones(64, kind)), store(model, "bias.scale", np.array(0.01, np.float32))]
    inputs += [store(model, "bias.zero", np.array(0, kind))]
    insert_before(model, FFN, helper.make_node("DequantizeLinear", inputs, ["bias.dq"], name="bias.dq"))
    node(model, FFN).input[1] = "bias.dq"


@breaks("bias-quantized", parser="refuses")
def a_bias_in_int32(model: onnx.ModelProto) -> None:
    _bias(model, np.int32)


@breaks("bias-quantized", form=Form(jetpack=6))
def a_bias_in_int8(model: onnx.ModelProto) -> None:
    _bias(model, np.int8)


@breaks("embedding-quantized")
def a_table_in_int8(model: onnx.ModelProto) -> None:
    node(model, "embeddings.word").input[0] = pair(model, "embeddings.word", "embeddings.word.weight", "table")


@breaks("embedding-quantized")
def rows_of_a_table_in_int8(model: onnx.ModelProto) -> None:
    codes = store(model, "table", np.ones((40, 32), np.int8))
    each = node(model, "embeddings.word")
    each.input[0], each.output[0] = codes, "rows"
    inputs = ["rows", store(model, "table.scale", np.array(0.01, np.float32)), "activation.zero_point"]
    insert_before(
        model,
        "embeddings.shape",
        helper.make_node("DequantizeLinear", inputs, ["embeddings.word"], name="table.dequantized"),
    )


# --- pairs


@breaks("quantize-unpaired", parser="refuses")
def no_dequantize(model: onnx.ModelProto) -> None:
    remove(model, f"{FFN}.input.dequantized")


@breaks("quantize-unpaired")
def an_output_in_int8(model: onnx.ModelProto) -> None:
    output(model, f"{INPUT}.quantized", TensorProto.INT8)


@breaks("dequantize-unpaired")
def no_quantize(model: onnx.ModelProto) -> None:
    cast = node(model, f"{FFN}.input.quantized")
    cast.op_type = "Cast"
    del cast.input[1:]
    cast.attribute.append(helper.make_attribute("to", TensorProto.INT8))


@breaks("pair-mismatch")
def two_scales_in_a_pair(model: onnx.ModelProto) -> None:
    node(model, f"{INPUT}.dequantized").input[1] = store(model, "other", np.array(0.06, np.float32))


@breaks("pair-mismatch")
def two_axes_in_a_pair(model: onnx.ModelProto) -> None:
    set_axis(node(model, f"{SQUARE}.quantized"), 0)


@breaks("pair-repeated")
def a_pair_after_a_pair(model: onnx.ModelProto) -> None:
    product = f"{FFN}.product"
    node(model, product).input[0] = pair(model, product, f"{FFN}.input.dequantized", "again")


@breaks("pair-shared")
def a_pair_that_a_float_operator_reads_too(model: onnx.ModelProto) -> None:
    tanh = helper.make_node("Tanh", [f"{FFN}.input.dequantized"], ["tanh"], name="tanh")
    insert_before(model, "first_token", tanh)
    output(model, "tanh")


@breaks("dequantize-unused")
def a_pair_that_nothing_reads(model: onnx.ModelProto) -> None:
    pair(model, "first_token", "layer.0.gelu", "lost")


# --- placement


@breaks("half-quantized")
def a_weight_in_float(model: onnx.ModelProto) -> None:
    remove(model, f"{FFN}.weight.dequantized")
    remove(model, f"{FFN}.weight.quantized")


@breaks("half-quantized")
def an_activation_in_float(model: onnx.ModelProto) -> None:
    remove(model, f"{FFN}.input.dequantized")
    remove(model, f"{FFN}.input.quantized")


@breaks("output-quantized")
def the_input_of_gelu_in_int8(model: onnx.ModelProto) -> None:
    out = pair(model, "layer.0.gelu.scaled", FFN, "gelu.input")
    node(model, "layer.0.gelu.scaled").input[0] = out


@breaks("float-operator-quantized")
def the_input_of_a_layernorm_in_int8(model: onnx.ModelProto) -> None:
    out = pair(model, "layer.0.output_norm", "layer.0.output_sum", "norm.input")
    node(model, "layer.0.output_norm").input[0] = out


@breaks("residual-float")
def a_residual_branch_in_float(model: onnx.ModelProto) -> None:
    remove(model, "layer.0.output_residual.dequantized")
    remove(model, "layer.0.output_residual.quantized")


@breaks("residual-shared")
def a_residual_branch_that_shares_its_pair(model: onnx.ModelProto) -> None:
    for part in ("dequantized", "quantized"):
        model.graph.node.remove(node(model, f"layer.0.output_residual.{part}"))
    inputs = node(model, "layer.0.output_sum").input
    inputs[:] = [f"{FFN}.input.dequantized" if "residual" in name else name for name in inputs]


@breaks("vector-product-quantized")
def a_pooler_in_int8(model: onnx.ModelProto) -> None:
    product = node(model, "pooler.product")
    product.input[0] = pair(model, "pooler.product", "first_token", "pooler.input")
    product.input[1] = pair(model, "pooler.product", "pooler.weight", "pooler.weight")


@breaks("mask-quantized")
def a_mask_in_int8(model: onnx.ModelProto) -> None:
    out = pair(model, "layer.0.scores.masked", "mask", "mask", scale=1e4 / 127)
    inputs = node(model, "layer.0.scores.masked").input
    inputs[:] = [out if name == "mask" else name for name in inputs]


@breaks("mask-quantized")
def scores_in_int8(model: onnx.ModelProto) -> None:
    out = pair(model, "layer.0.probabilities", "layer.0.scores.masked", "scores")
    node(model, "layer.0.probabilities").input[0] = out


@breaks("constant-folded-pair")
def a_constant_in_int8(model: onnx.ModelProto) -> None:
    out = pair(model, "layer.0.gelu", "half", "half")
    node(model, "layer.0.gelu").input[1] = out


# --- attention


@breaks("attention-board", form=Form(jetpack=5), jetpack=5, target="jetson-xavier")
def attention_on_xavier(model: onnx.ModelProto) -> None:
    pass  # INT8 attention is what Orin's graph has


@breaks("attention-head-size", form=Form(head_size=24))
def heads_of_24(model: onnx.ModelProto) -> None:
    pass


@breaks("attention-head-size-float16", form=Form(head_size=26, attention=False))
def heads_of_26(model: onnx.ModelProto) -> None:
    pass


@breaks("attention-length", max_tokens=1024)
def texts_of_1024_tokens(model: onnx.ModelProto) -> None:
    pass


@breaks("attention-partial")
def a_key_in_float(model: onnx.ModelProto) -> None:
    remove(model, "layer.0.key.dequantized")
    remove(model, "layer.0.key.quantized")


@breaks("attention-partial")
def a_context_in_float(model: onnx.ModelProto) -> None:
    for part in ("dequantized", "quantized"):
        remove(model, f"layer.0.attention_output.input.{part}")


@breaks("attention-scores-scaled")
def scores_divided_after_the_product(model: onnx.ModelProto) -> None:
    four = store(model, "four", np.array(4, np.float32))
    divided = helper.make_node("Div", ["layer.0.scores", four], ["divided"], name="divided")
    insert_before(model, "layer.0.scores.masked", divided)
    masked = node(model, "layer.0.scores.masked")
    masked.input[:] = ["divided" if name == "layer.0.scores" else name for name in masked.input]


@breaks("attention-probability-scale")
def probabilities_with_a_measured_scale(model: onnx.ModelProto) -> None:
    store(model, "layer.0.probabilities.scale", np.array(0.004, np.float32))
