"""A BERT layer as a Q/DQ graph for TensorRT, built with onnx alone: what a lint must accept before it is broken."""

import dataclasses

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


@dataclasses.dataclass(frozen=True)
class Form:
    """Which dialect, and what is quantized besides the linear layers."""

    opset: int = 13
    half: bool = False  # FP16 tensors and scales
    residual: bool = True
    attention: bool = True
    heads: int = 2
    head_size: int = 16
    intermediate: int = 64

    @property
    def hidden(self) -> int:
        return self.heads * self.head_size


class Builder:
    """Adds nodes and constants to a graph."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.float = np.float16 if form.half else np.float32
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.random = np.random.default_rng(7)

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def number(self, name: str, value: float) -> str:
        return self.constant(name, np.array(value, self.float))

    def pair(self, tensor: str, name: str, scale: np.ndarray, axis: int | None = None) -> str:
        scale = scale.astype(self.float)
        self.constant(f"{name}.scale", scale)
        self.constant(f"{name}.zero_point", np.zeros(scale.shape, np.int8))
        more = {} if axis is None else {"axis": axis}
        inputs = [f"{name}.scale", f"{name}.zero_point"]
        codes = self.add("QuantizeLinear", [tensor, *inputs], f"{name}.q", **more)
        return self.add("DequantizeLinear", [codes, *inputs], f"{name}.dq", **more)

    def activation(self, tensor: str, name: str, scale: float = 4 / 127) -> str:
        return self.pair(tensor, name, np.array(scale))

    def linear(self, tensor: str, name: str, rows: int, columns: int) -> str:
        weight = (self.random.standard_normal((rows, columns)) / np.sqrt(rows)).astype(self.float)
        scale = np.abs(weight).max(axis=0) / 127
        quantized = self.pair(self.constant(f"{name}.weight", weight), f"{name}.weight", scale, axis=1)
        product = self.add("MatMul", [tensor, quantized], f"{name}.product")
        bias = self.constant(f"{name}.bias", self.random.standard_normal(columns).astype(self.float))
        return self.add("Add", [product, bias], f"{name}.out")

    def norm(self, tensor: str, name: str) -> str:
        mean = self.add("ReduceMean", [tensor], f"{name}.mean", axes=[-1], keepdims=1)
        centred = self.add("Sub", [tensor, mean], f"{name}.centred")
        square = self.add("Mul", [centred, centred], f"{name}.square")
        variance = self.add("ReduceMean", [square], f"{name}.variance", axes=[-1], keepdims=1)
        shifted = self.add("Add", [variance, self.number(f"{name}.epsilon", 1e-5)], f"{name}.shifted")
        deviation = self.add("Sqrt", [shifted], f"{name}.deviation")
        normal = self.add("Div", [centred, deviation], f"{name}.normal")
        width = self.form.hidden
        scaled = self.add("Mul", [normal, self.constant(f"{name}.gamma", np.ones(width, self.float))], f"{name}.scaled")
        return self.add("Add", [scaled, self.constant(f"{name}.beta", np.zeros(width, self.float))], f"{name}.out")

    def gelu(self, tensor: str) -> str:
        divided = self.add("Div", [tensor, self.number("gelu.root", np.sqrt(2))], "gelu.divided")
        erf = self.add("Erf", [divided], "gelu.erf")
        raised = self.add("Add", [erf, self.number("gelu.one", 1)], "gelu.raised")
        product = self.add("Mul", [tensor, raised], "gelu.product")
        return self.add("Mul", [product, self.number("gelu.half", 0.5)], "gelu.out")

    def heads(self, tensor: str, name: str, at: int, transposed: bool) -> str:
        form = self.form
        bounds = [self.constant(f"{name}.{end}", np.array([(at + add) * form.hidden])) for end, add in (("from", 0), ("to", 1))]
        part = self.add("Slice", [tensor, *bounds, self.axes], f"{name}.part")
        split = self.add("Reshape", [part, self.split], f"{name}.split")
        return self.add("Transpose", [split], f"{name}.heads", perm=[0, 2, 3, 1] if transposed else [0, 2, 1, 3])

    def attention(self, tensor: str) -> str:
        form, quantize = self.form, self.form.attention
        self.axes = self.constant("last", np.array([2]))
        self.split = self.constant("split", np.array([0, 0, form.heads, form.head_size]))
        parts = {}
        for at, name in enumerate(("query", "key", "value")):
            part = self.heads(tensor, name, at, transposed=name == "key")
            parts[name] = self.activation(part, name) if quantize else part
        scores = self.add("MatMul", [parts["query"], parts["key"]], "scores")
        masked = self.add("Add", [scores, "mask"], "masked")
        probabilities = self.add("Softmax", [masked], "softmax", axis=-1)
        if quantize:
            probabilities = self.activation(probabilities, "probabilities", 1 / 127)
        context = self.add("MatMul", [probabilities, parts["value"]], "context")
        turned = self.add("Transpose", [context], "turned", perm=[0, 2, 1, 3])
        return self.add("Reshape", [turned, self.constant("join", np.array([0, 0, form.hidden]))], "joined")

    def mask(self) -> None:
        number = TensorProto.FLOAT16 if self.form.half else TensorProto.FLOAT
        cast = self.add("Cast", ["attention_mask"], "mask.cast", to=number)
        kept = self.add("Sub", [self.number("mask.one", 1), cast], "mask.kept")
        low = self.add("Mul", [kept, self.number("mask.low", -1e4)], "mask.low.out")
        self.add("Unsqueeze", [low, self.constant("mask.axes", np.array([1, 2]))], "mask")

    def residual(self, tensor: str, branch: str, name: str) -> str:
        other = self.activation(branch, f"{name}_residual") if self.form.residual else branch
        return self.norm(self.add("Add", [tensor, other], f"{name}_added"), f"{name}_norm")


def qdq_graph(form: Form = Form()) -> onnx.ModelProto:  # noqa: B008
    """Return embeddings, one encoder layer, pooler and classifier."""
    build = Builder(form)
    hidden = form.hidden
    build.mask()
    table = build.random.standard_normal((30, hidden)).astype(build.float)
    embedded = build.norm(build.add("Gather", [build.constant("words", table), "input_ids"], "embedded"), "embedding")
    merged = build.linear(build.activation(embedded, "qkv.input"), "qkv", hidden, 3 * hidden)
    context = build.activation(build.attention(merged), "attention_output.input")
    attended = build.residual(build.linear(context, "attention_output", hidden, hidden), embedded, "attention")
    wide = build.linear(build.activation(attended, "intermediate.input"), "intermediate", hidden, form.intermediate)
    narrow = build.linear(build.activation(build.gelu(wide), "output.input"), "output", form.intermediate, hidden)
    out = build.residual(narrow, attended, "output")
    first = build.add("Gather", [out, build.constant("first", np.array(0))], "first.token", axis=1)
    pooled = build.add("Gemm", [first, build.constant("pool", np.eye(hidden, dtype=build.float))], "pooled")
    logits = build.add("MatMul", [pooled, build.constant("classes", np.ones((hidden, 3), build.float))], "logits")
    number = TensorProto.FLOAT16 if form.half else TensorProto.FLOAT
    graph = helper.make_graph(
        build.nodes,
        "bert",
        [helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"]) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info(logits, number, ["batch", 3])],
        build.constants,
    )
    version = helper.find_min_ir_version_for([helper.make_opsetid("", form.opset)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", form.opset)], ir_version=version)
