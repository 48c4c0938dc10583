"""Is it a graph that a release of TensorRT reads at all: opset, operators, inputs."""

from collections.abc import Iterator

import onnx

from edgebert.export.lint.findings import Hit, hit, rule
from edgebert.export.lint.operators import FIRST, INTEGER, takes
from edgebert.export.lint.patterns import both
from edgebert.export.lint.view import View, input_of, integer_attribute, is_onnx, subgraphs
from edgebert.export.platforms import Platform, spoken


@rule("invalid-onnx", "error", "export the model again; the rules of ONNX hold for every engine", silent=True)
def invalid_onnx(view: View, platform: Platform) -> Iterator[Hit]:
    """The graph is valid ONNX: known operators of its opset with the inputs and attributes that they have.

    What contradicts the specification is read differently by different engines.
    """
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in view.model.graph.initializer):
        return  # ONNX's checker would want every byte in memory
    try:
        onnx.checker.check_model(view.model)
    except Exception as error:  # ValidationError, or ValueError where the model is too large to be checked
        words = str(error).strip().splitlines()
        yield Hit("graph", words[0] if words else type(error).__name__)


@rule("opset-range", "error", "export with an opset that every release takes; 13 to 17 suits them all", silent=True)
def opset_range(view: View, platform: Platform) -> Iterator[Hit]:
    """The opset lies in the range of each release.

    TensorRT 8.5 and 8.6 take opsets up to 17, 10.0 takes 9 to 20, 10.13 and later 9 to 24.
    """
    for release in platform.releases:
        first, last = release.opsets
        if not first <= view.opset <= last:
            yield Hit("graph", f"the opset is {view.opset}, TensorRT {release} takes {first} to {last}")


@rule("opset-per-channel", "error", "export with opset 13 or later")
def opset_per_channel(view: View, platform: Platform) -> Iterator[Hit]:
    """A graph with Q/DQ has at least opset 13.

    Opset 13 is the first in which a scale may be a vector with an axis; before, per-channel weights do not exist.
    """
    if view.opset < 13 and next(both(view), None) is not None:
        yield Hit("graph", f"the opset is {view.opset}, per-channel scales exist since 13")


@rule("already-quantized", "error", "start from the FP32 graph and export it for this target")
def already_quantized(view: View, platform: Platform) -> Iterator[Hit]:
    """The graph has no integer operators: it was not quantized dynamically or in operator form.

    TensorRT runs INT8 from Q/DQ pairs alone. DynamicQuantizeLinear, MatMulInteger, QLinearMatMul, QAttention and their
    kin are what ONNX Runtime's quantizers make; no release has any of them.
    """
    for node in view.all_nodes():
        if node.op_type in INTEGER:
            yield hit(node, f"{node.op_type} exists in no release of TensorRT: this graph is already quantized")


@rule("foreign-domain", "error", "export without fusions, in operators of ONNX alone")
def foreign_domain(view: View, platform: Platform) -> Iterator[Hit]:
    """Every operator is ONNX's own.

    Operators of com.microsoft are kernels of ONNX Runtime; any other domain is a plugin that the device would need.
    """
    for node in view.all_nodes():
        if node.domain not in ("", "ai.onnx") and node.op_type not in INTEGER:
            yield hit(node, f"{node.op_type} is of the domain {node.domain!r}, for which TensorRT has no parser")


@rule("operator-unsupported", "error", "decompose it into simpler operators, or choose a newer JetPack", silent=True)
def operator_unsupported(view: View, platform: Platform) -> Iterator[Hit]:
    """Each release has every operator.

    LayerNormalization came with TensorRT 8.6 and Gelu with 10.0; decomposed, both run everywhere and are fused again.
    """
    for node in view.all_nodes():
        if node.domain in ("", "ai.onnx") and node.op_type not in INTEGER:
            lacking = [release for release in platform.releases if not takes(release, node.op_type)]
            if lacking:
                since = FIRST.get(node.op_type)
                age = f"came with {since[0]}.{since[1]}" if since else "is in none that is known here"
                yield hit(node, f"TensorRT {spoken(lacking)} has no {node.op_type}: it {age}")


@rule("layernorm-outputs", "error", "read the first output alone and compute mean and deviation beside it")
def layernorm_outputs(view: View, platform: Platform) -> Iterator[Hit]:
    """Of LayerNormalization only the first output is read.

    TensorRT has no mean and no inverse deviation as further outputs.
    """
    for node in view.nodes:
        if is_onnx(node, "LayerNormalization"):
            for name in node.output[1:]:
                if name and (view.uses(name) or name in view.outputs):
                    yield hit(node, f"its output {name!r} is read, TensorRT gives the first alone")


@rule("reduction-axes", "error", "write the axes of the reduction as an attribute or an initializer")
def reduction_axes(view: View, platform: Platform) -> Iterator[Hit]:
    """The axes of a reduction are constants.

    The parser asks for `axes` as an initializer.
    """
    for node in view.nodes:
        if is_onnx(node, "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"):
            axes = input_of(node, 1)
            if axes and not view.is_constant(axes):
                yield hit(node, f"its axes {axes!r} are computed")


@rule("local-function", "error", "inline the model's functions (onnx.inliner.inline_local_functions)", silent=True)
def local_function(view: View, platform: Platform) -> Iterator[Hit]:
    """On TensorRT 8 the model has no functions of its own.

    Functions inside a model are read since TensorRT 10.
    """
    lacking = [release for release in platform.releases if release.version < (10, 0)]
    if lacking:
        for function in view.model.functions:
            yield Hit(function.name, f"TensorRT {spoken(lacking)} does not read functions inside a model")


@rule("control-flow", "warning", "export without If, Loop and Scan; a BERT needs none")
def control_flow(view: View, platform: Platform) -> Iterator[Hit]:
    """There is no control flow.

    A subgraph is not fused with what surrounds it, and the rules about Q/DQ do not look into it.
    """
    for node in view.nodes:
        if next(subgraphs(node), None) is not None:
            yield hit(node, f"{node.op_type} holds a subgraph, where only the operators are checked")


@rule("input-rank", "error", "declare the shape of every input; dimensions may be dynamic")
def input_rank(view: View, platform: Platform) -> Iterator[Hit]:
    """The rank of every input is declared.

    TensorRT needs the number of dimensions to lay out its optimization profiles.
    """
    for value in view.model.graph.input:
        if not view.is_constant(value.name) and view.shape(value.name) is None:
            yield Hit(value.name, "the input has no shape")


@rule("softmax-axis", "warning", "give the softmax axis=-1")
def softmax_axis(view: View, platform: Platform) -> Iterator[Hit]:
    """A softmax runs over the last axis.

    Only then does TensorRT recognize attention and fuse it.
    """
    for node in view.nodes:
        axis = integer_attribute(node, "axis")
        shape = view.shape(input_of(node, 0))
        if is_onnx(node, "Softmax") and axis not in (None, -1) and shape is not None and axis != len(shape) - 1:
            yield hit(node, f"it runs over axis {axis} of {len(shape)}")
