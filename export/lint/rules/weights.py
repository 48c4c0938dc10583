"""Weights and biases: the axis, the fit of the scales, and the form in which they are stored."""

from collections.abc import Iterator

import numpy as np
from onnx import TensorProto

from edgebert.export.lint.findings import Hit, hit, rule
from edgebert.export.lint.patterns import dequantizes, linears, origin, output_axis, readers
from edgebert.export.lint.view import View, input_of, integer_attribute, is_onnx
from edgebert.export.platforms import Platform, spoken

_MISFIT = 2.0  # a weight this many times beyond the range of its scale does not belong to it


@rule(
    "weight-axis",
    "error",
    "use the axis of the output channels: 1 for MatMul's [in, out], 0 for Gemm with transB=1",
    silent=True,
)
def weight_axis(view: View, platform: Platform) -> Iterator[Hit]:
    """The axis of a weight's scales runs over the output channels of the operator that reads it.

    On a square weight every parser takes the wrong axis in silence. Scales of output channels are then applied to
    inputs; scales of inputs cannot be taken out of the sum, so that no INT8 kernel fits.
    """
    for linear in linears(view):
        for node in (linear.weight.dequantize, linear.weight.quantize):
            if node is None:
                continue
            scale = view.shape(input_of(node, 1))
            shape = view.shape(input_of(node, 0))
            axis = integer_attribute(node, "axis")
            if not scale or scale == (1,) or shape is None or axis is None:
                continue
            wanted = output_axis(linear.node, linear.position, len(shape))
            wanted = None if wanted is None else linear.weight.axis_of(wanted)
            if wanted is not None and -len(shape) <= axis < len(shape) and axis % len(shape) != wanted:
                yield hit(node, f"axis {axis} holds the inputs of {linear.node.op_type}, axis {wanted} its outputs")


@rule("weight-scale-misfit", "error", "compute each channel's scale from that channel: max |w| / 127", silent=True)
def weight_scale_misfit(view: View, platform: Platform) -> Iterator[Hit]:
    """No weight lies beyond twice the range of its scale.

    Such scales belong to another weight or to another axis. Clipping that helps stays far below.
    """
    for node in view.nodes:
        weight, scale = view.floats(input_of(node, 0)), view.floats(input_of(node, 1))
        if not is_onnx(node, "QuantizeLinear") or weight is None or scale is None:
            continue
        axis = integer_attribute(node, "axis")
        axis = 1 if axis is None else axis
        if scale.size > 1 and (not -weight.ndim <= axis < weight.ndim or scale.size != weight.shape[axis]):
            continue
        others = tuple(at for at in range(weight.ndim) if at != axis % weight.ndim) if scale.size > 1 else None
        largest = np.max(np.abs(weight.astype(np.float32)), axis=others, initial=0)
        ranges = 127 * scale.astype(np.float32).reshape(-1)
        beyond = (ranges > 0) & (largest > _MISFIT * ranges)
        if bool(np.any(beyond)):
            yield hit(node, f"weights of {int(beyond.sum())} of {beyond.size} scales lie beyond twice their range")


@rule("weight-per-tensor", "warning", "give each output channel its scale")
def weight_per_tensor(view: View, platform: Platform) -> Iterator[Hit]:
    """Weights have a scale for each output channel.

    It costs nothing at run time, and one scale for all loses accuracy wherever the channels differ.
    """
    for linear in linears(view):
        node = linear.weight.dequantize
        if node is not None and view.shape(input_of(node, 1)) in ((), (1,)):
            yield hit(node, f"one scale serves all channels of {linear.weight.constant!r}")


@rule(
    "int8-initializer",
    "error",
    "store the weight in FP32 and put QuantizeLinear before its DequantizeLinear",
    silent=True,
)
def int8_initializer(view: View, platform: Platform) -> Iterator[Hit]:
    """For TensorRT 8 weights are stored in FP32 and quantized by the graph.

    Its parsers refuse INT8 initializers as "invalid weights type of Int8"; TensorRT 10 takes both forms.
    """
    old = [release for release in platform.releases if not release.int8_initializers]
    for node in dequantizes(view) if old else ():
        if view.element_type(input_of(node, 0)) == TensorProto.INT8 and view.is_constant(input_of(node, 0)):
            yield hit(node, f"{input_of(node, 0)!r} is an INT8 initializer, which TensorRT {spoken(old)} refuses")


@rule("bias-quantized", "error", "keep biases in FP32 (or FP16)", silent=True)
def bias_quantized(view: View, platform: Platform) -> Iterator[Hit]:
    """Biases are not quantized.

    DequantizeLinear of INT32, as ONNX Runtime's quantizer writes biases, is refused by every release; in INT8 a bias
    loses accuracy and saves nothing.
    """
    for node in dequantizes(view):
        if view.element_type(input_of(node, 0)) == TensorProto.INT32:
            yield hit(node, f"it dequantizes {input_of(node, 0)!r}, which is INT32")
        elif origin(view, input_of(node, 0)) is not None:
            uses = [use for output in node.output for use in readers(view, output)]
            if any(is_onnx(use.node, "Add") or (is_onnx(use.node, "Gemm") and use.position == 2) for use in uses):
                yield hit(node, f"{input_of(node, 0)!r} is a bias in INT8")


@rule("embedding-quantized", "warning", "keep embedding tables in float")
def embedding_quantized(view: View, platform: Platform) -> Iterator[Hit]:
    """Embedding tables are not quantized.

    A lookup multiplies nothing, so INT8 makes it no faster, and its error goes through every layer.
    """
    for node in dequantizes(view):
        reads = [use.node for output in node.output for use in readers(view, output)]
        looked_up = view.producer(input_of(node, 0))
        if looked_up is not None and is_onnx(looked_up, "Gather") and origin(view, input_of(looked_up, 0)):
            yield hit(node, f"it dequantizes rows of the table {input_of(looked_up, 0)!r}")
        elif any(is_onnx(each, "Gather") for each in reads) and origin(view, input_of(node, 0)) is not None:
            yield hit(node, f"it dequantizes the table {input_of(node, 0)!r}")
