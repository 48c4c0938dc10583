"""Scales: constant, positive, one a tensor for activations, of a type that the release reads."""

from collections.abc import Iterator

import numpy as np
from onnx import TensorProto

from edgebert.export.lint.findings import Hit, hit, rule
from edgebert.export.lint.patterns import both, origin
from edgebert.export.lint.view import View, input_of, integer_attribute, type_name
from edgebert.export.platforms import Platform, spoken

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
_COARSE = 2.0**-17  # below, an FP16 number has fewer than 8 significant bits


@rule("scale-computed", "error", "calibrate beforehand and write the scale as an initializer", silent=True)
def scale_computed(view: View, platform: Platform) -> Iterator[Hit]:
    """Scales are constants.

    A scale that is computed from the data is dynamic quantization, which TensorRT has for no INT8 kernel.
    """
    for node in both(view):
        name = input_of(node, 1)
        if name and not view.is_constant(name):
            yield hit(node, f"the scale {name!r} is computed")


@rule("scale-sign", "error", "raise it to a small positive number: a channel that is always 0 needs a scale too")
def scale_sign(view: View, platform: Platform) -> Iterator[Hit]:
    """Every scale is finite and greater than 0.

    The parsers assert it. A scale of 0 comes from a channel or a tensor that was 0 in all of the calibration.
    """
    for node in both(view):
        scale = view.floats(input_of(node, 1))
        if scale is not None:
            bad = ~(np.isfinite(scale) & (scale > 0))
            if bool(np.any(bad)):
                at = int(np.argmax(bad))
                yield hit(node, f"the scale {input_of(node, 1)!r} is {scale.flat[at]:g} at {at} of {scale.size}")


@rule(
    "scale-type",
    "error",
    "store scales in FP32; in FP16 only at opset 19 or later for TensorRT 10 and later",
    silent=True,
)
def scale_type(view: View, platform: Platform) -> Iterator[Hit]:
    """Scales are FP32, or FP16 at opset 19 or later for TensorRT 10 and later.

    Before opset 19 ONNX has FP32 scales alone; TensorRT 8 reads the bytes of any scale as FP32.
    """
    old = [release for release in platform.releases if not release.float16_scales]
    for node in both(view):
        name = input_of(node, 1)
        kind = view.element_type(name)
        if kind in (TensorProto.FLOAT, TensorProto.UNDEFINED):
            continue
        if kind not in _FLOATS:
            yield hit(node, f"the scale {name!r} is {type_name(kind)}")
        elif view.opset < 19:
            yield hit(node, f"the scale {name!r} is {type_name(kind)} at opset {view.opset}, allowed since 19")
        elif old:
            yield hit(node, f"the scale {name!r} is {type_name(kind)}, which TensorRT {spoken(old)} reads as FP32")


@rule("scale-mixed-types", "error", "store the scale in the type of the tensors around the pair")
def scale_mixed_types(view: View, platform: Platform) -> Iterator[Hit]:
    """A scale has the type of the tensor that it quantizes.

    ONNX demands it of QuantizeLinear since opset 19, and the output of DequantizeLinear has the scale's type: a mixture
    needs Casts, which keep the pair from being fused.
    """
    for node in both(view):
        if node.op_type == "QuantizeLinear":
            data, scale = view.element_type(input_of(node, 0)), view.element_type(input_of(node, 1))
            if data in _FLOATS and scale in _FLOATS and data != scale:
                yield hit(node, f"a scale in {type_name(scale)} quantizes a tensor in {type_name(data)}")


@rule("scale-count", "error", "give one scale a tensor, or one for each index of the axis")
def scale_count(view: View, platform: Platform) -> Iterator[Hit]:
    """There is one scale, or one for each channel along the axis, which lies within the tensor.

    The parsers compare the number with the size of the axis.
    """
    for node in both(view):
        scale = view.shape(input_of(node, 1)) if view.is_constant(input_of(node, 1)) else None
        shape = view.shape(input_of(node, 0))
        if scale is None or len(scale) > 1 or shape is None:
            continue
        count = scale[0] if scale else 1
        axis = integer_attribute(node, "axis")
        axis = 1 if axis is None else axis
        if count == 0:
            yield hit(node, f"the scale {input_of(node, 1)!r} is empty")
        elif count != 1 and not -len(shape) <= axis < len(shape):
            yield hit(node, f"axis {axis} does not exist in a tensor of {len(shape)} axes")
        elif count != 1 and shape[axis] not in (None, count):
            yield hit(node, f"{count} scales stand for the {shape[axis]} channels of axis {axis}")


@rule("scale-blocked", "error", "use one scale a tensor or one a channel", silent=True)
def scale_blocked(view: View, platform: Platform) -> Iterator[Hit]:
    """Scales are a number or a vector, not a block for each part of a row.

    TensorRT has blocks for INT4 and FP4 weights alone.
    """
    for node in both(view):
        shape = view.shape(input_of(node, 1))
        if (shape is not None and len(shape) > 1) or integer_attribute(node, "block_size"):
            yield hit(node, f"the scale {input_of(node, 1)!r} is blocked: its shape is {shape}")


@rule(
    "activation-per-channel", "error", "give an activation one scale; even its channels out by smoothing", silent=True
)
def activation_per_channel(view: View, platform: Platform) -> Iterator[Hit]:
    """An activation has one scale.

    TensorRT has per-channel scales for weights alone: they can be multiplied out of a sum over other axes.
    """
    for node in both(view):
        scale = view.value(input_of(node, 1))
        if scale is not None and scale.size > 1 and origin(view, input_of(node, 0)) is None:
            yield hit(node, f"{scale.size} scales quantize the activation {input_of(node, 0)!r}")


@rule("axis-missing", "error", "write the axis of every per-channel pair", silent=True)
def axis_missing(view: View, platform: Platform) -> Iterator[Hit]:
    """A pair with several scales writes its axis.

    Left out, the axis is 1 in ONNX and 0 in NVIDIA's parsers.
    """
    for node in both(view):
        scale = view.shape(input_of(node, 1)) if view.is_constant(input_of(node, 1)) else None
        if scale and scale != (1,) and integer_attribute(node, "axis") is None:
            yield hit(node, "it has several scales and no axis: 1 in ONNX, 0 in NVIDIA's parsers")


@rule("scale-coarse", "warning", "keep this scale in FP32, or widen the range that it comes from")
def scale_coarse(view: View, platform: Platform) -> Iterator[Hit]:
    """A scale in FP16 has at least eight significant bits.

    Below 2^-17 an FP16 number has fewer, and the scale itself becomes the largest error of its channel.
    """
    for node in both(view):
        scale = view.floats(input_of(node, 1))
        if scale is not None and scale.dtype == np.float16:
            small = (scale > 0) & (scale < _COARSE)
            if bool(np.any(small)):
                yield hit(node, f"{int(small.sum())} of {scale.size} scales in FP16 are below {_COARSE:.2g}")
