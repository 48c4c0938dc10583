"""Zero points: TensorRT quantizes symmetrically, and says so in four different assertions."""

from collections.abc import Iterator

import numpy as np
from onnx import TensorProto

from edgebert.export.lint.findings import Hit, hit, rule
from edgebert.export.lint.patterns import both
from edgebert.export.lint.view import View, input_of, type_name
from edgebert.export.platforms import Platform


@rule("zero-point-missing", "error", "add an INT8 zero point of 0, one for each scale", silent=True)
def zero_point_missing(view: View, platform: Platform) -> Iterator[Hit]:
    """Every QuantizeLinear and DequantizeLinear has a zero point.

    TensorRT 8.5 asserts three inputs. Without one ONNX means UINT8, which TensorRT reads as INT8: other numbers.
    """
    for node in both(view):
        if not input_of(node, 2):
            yield hit(node, f"{node.op_type} has no zero point")


@rule("zero-point-type", "error", "quantize to signed INT8 (symmetric) and give an INT8 zero point")
def zero_point_type(view: View, platform: Platform) -> Iterator[Hit]:
    """Zero points are INT8.

    Their type is that of the quantized tensor. TensorRT has no UINT8 activations: 8.5 refuses them, 10 reads them as
    INT8 with a warning.
    """
    for node in both(view):
        name = input_of(node, 2)
        kind = view.element_type(name) if name else TensorProto.INT8
        # a bias in INT32 has a rule of its own
        if kind not in (TensorProto.INT8, TensorProto.INT32, TensorProto.UNDEFINED):
            yield hit(node, f"the zero point {name!r} is {type_name(kind)}")


@rule("zero-point-value", "error", "quantize symmetrically: scale = amax / 127 and zero point 0")
def zero_point_value(view: View, platform: Platform) -> Iterator[Hit]:
    """Zero points are 0.

    Every parser asserts it: TensorRT has symmetric quantization alone.
    """
    for node in both(view):
        value = view.value(input_of(node, 2))
        if value is not None and bool(np.any(value != 0)):
            yield hit(node, f"the zero point {input_of(node, 2)!r} is {value.flat[int(np.argmax(value != 0))]}")


@rule("zero-point-count", "error", "give the zero point the shape of the scale")
def zero_point_count(view: View, platform: Platform) -> Iterator[Hit]:
    """There are as many zero points as scales.

    The parsers compare the two sizes.
    """
    for node in both(view):
        scale, zero_point = view.value(input_of(node, 1)), view.value(input_of(node, 2))
        if scale is not None and zero_point is not None and scale.size != zero_point.size:
            yield hit(node, f"{zero_point.size} zero points stand beside {scale.size} scales")


@rule("zero-point-computed", "error", "write the zero point as an initializer", silent=True)
def zero_point_computed(view: View, platform: Platform) -> Iterator[Hit]:
    """Zero points are constants.

    One that is computed cannot be checked to be 0 when the engine is built.
    """
    for node in both(view):
        name = input_of(node, 2)
        if name and not view.is_constant(name):
            yield hit(node, f"the zero point {name!r} is computed")
