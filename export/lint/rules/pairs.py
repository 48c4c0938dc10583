"""Q and DQ come in pairs that agree with each other."""

from collections.abc import Iterator

import numpy as np

from edgebert.export.lint.findings import Hit, hit, rule
from edgebert.export.lint.patterns import dequantizes, quantizes, readers
from edgebert.export.lint.view import View, input_of, integer_attribute, is_onnx, name_of
from edgebert.export.platforms import Platform

_MOVES = ("Transpose", "Reshape", "Identity", "Slice", "Gather", "Squeeze", "Unsqueeze", "Split")


@rule("quantize-unpaired", "error", "put a DequantizeLinear with the same scale after it, or remove it", silent=True)
def quantize_unpaired(view: View, platform: Platform) -> Iterator[Hit]:
    """What a QuantizeLinear makes is read by DequantizeLinear alone.

    TensorRT fuses pairs. Another operator, or the reader of an output, would take the codes for the numbers themselves.
    """
    for node in quantizes(view):
        output = node.output[0] if node.output else ""
        others = [use.node for use in readers(view, output) if not is_onnx(use.node, "DequantizeLinear")]
        if output in view.outputs:
            yield hit(node, f"its INT8 tensor {output!r} is an output of the graph")
        elif others:
            yield hit(node, f"its INT8 tensor {output!r} is read by {name_of(others[0])} ({others[0].op_type})")
        elif not view.uses(output):
            yield hit(node, f"nothing reads its INT8 tensor {output!r}")


@rule("dequantize-unpaired", "error", "put a QuantizeLinear with the same scale before it", silent=True)
def dequantize_unpaired(view: View, platform: Platform) -> Iterator[Hit]:
    """What a DequantizeLinear reads comes from a QuantizeLinear, or is a constant.

    There is no other source of INT8 tensors.
    """
    for node in dequantizes(view):
        data = input_of(node, 0)
        source = _source(view, data)
        made = view.producer(source)
        if not view.is_constant(source) and (made is None or not is_onnx(made, "QuantizeLinear")):
            yield hit(node, f"{data!r} comes from {name_of(made) if made is not None else 'an input of the graph'}")


@rule("pair-mismatch", "error", "give both nodes of the pair the same scale and axis", silent=True)
def pair_mismatch(view: View, platform: Platform) -> Iterator[Hit]:
    """Both nodes of a pair have the same scale and axis.

    With different ones the pair multiplies the tensor by their ratio.
    """
    for node in dequantizes(view):
        quantizer = view.producer(_source(view, input_of(node, 0)))
        if quantizer is None or not is_onnx(quantizer, "QuantizeLinear"):
            continue
        first, second = view.value(input_of(quantizer, 1)), view.value(input_of(node, 1))
        if first is None or second is None:
            continue
        if not np.array_equal(first.reshape(-1), second.reshape(-1), equal_nan=first.dtype.kind == "f"):
            yield hit(node, f"its scale differs from that of {name_of(quantizer)}")
        elif first.size > 1 and integer_attribute(quantizer, "axis") != integer_attribute(node, "axis"):
            yield hit(node, f"its axis differs from that of {name_of(quantizer)}")


@rule("pair-repeated", "warning", "remove one of the two pairs")
def pair_repeated(view: View, platform: Platform) -> Iterator[Hit]:
    """A tensor is not quantized twice in a row.

    The second pair rounds what the first has rounded, and TensorRT needs a kernel of its own to change the scale.
    """
    for node in quantizes(view):
        made = view.producer(input_of(node, 0))
        if made is not None and is_onnx(made, "DequantizeLinear"):
            yield hit(node, f"it quantizes what {name_of(made)} has just dequantized")


@rule("pair-shared", "warning", "let the other operator read the float tensor")
def pair_shared(view: View, platform: Platform) -> Iterator[Hit]:
    """The pair of a product's input is read by products alone.

    Another reader needs the tensor in float again, so that the pair is not fused into the kernel before it. The
    residual addition has a rule of its own.
    """
    for node in quantizes(view):
        back = [use.node for output in node.output for use in view.uses(output)]
        reads = [use.node for each in back for output in each.output for use in readers(view, output)]
        others = [each for each in reads if not is_onnx(each, "MatMul", "Gemm", "Conv", "Add")]
        if others and len(others) < len(reads):
            yield hit(node, f"{name_of(others[0])} ({others[0].op_type}) reads it beside products")


@rule("dequantize-unused", "error", "remove the pair, or let the operator that it was made for read it", silent=True)
def dequantize_unused(view: View, platform: Platform) -> Iterator[Hit]:
    """What a DequantizeLinear makes is read by something.

    A pair without a reader is a part of the graph that was lost.
    """
    for node in dequantizes(view):
        if not view.users(node) and not any(output in view.outputs for output in node.output):
            yield hit(node, f"nothing reads {node.output[0] if node.output else '?'!r}")


def _source(view: View, tensor: str) -> str:
    """Return the tensor that an INT8 tensor comes from, looking through what only moves elements."""
    for _ in range(8):
        node = view.producer(tensor)
        if node is None or not is_onnx(node, *_MOVES):
            return tensor
        tensor = input_of(node, 0)
    return tensor
