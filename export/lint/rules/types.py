"""Types of inputs, constants and quantized tensors."""

from collections.abc import Iterator

import numpy as np
from onnx import TensorProto

from edgebert.export.lint.findings import Hit, hit, rule
from edgebert.export.lint.patterns import both, dequantizer, dequantizes
from edgebert.export.lint.view import View, input_of, integer_attribute, is_onnx, name_of, type_name
from edgebert.export.platforms import Platform, spoken

_LARGEST_FLOAT16 = 65504.0
_INPUTS = (TensorProto.INT32, TensorProto.INT64, TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BOOL)
_CONSTANTS = (*_INPUTS, TensorProto.INT8)


@rule("input-type", "error", "declare token ids and masks as INT32", silent=True)
def input_type(view: View, platform: Platform) -> Iterator[Hit]:
    """Inputs are INT32, INT64, FP32, FP16 or BOOL.

    No release takes others as inputs of such a graph.
    """
    for value in view.model.graph.input:
        kind = view.element_type(value.name)
        if not view.is_constant(value.name) and kind not in _INPUTS:
            yield Hit(value.name, f"the input is {type_name(kind)}")


@rule("input-int64", "warning", "declare token ids and masks as INT32, which every release takes as they are")
def input_int64(view: View, platform: Platform) -> Iterator[Hit]:
    """For TensorRT 8 inputs are INT32, not INT64.

    It casts INT64 to INT32 with a warning, and the caller must bind INT32 to an input that says INT64.
    """
    old = [release for release in platform.releases if not release.int64]
    for value in view.model.graph.input if old else ():
        if view.element_type(value.name) == TensorProto.INT64 and not view.is_constant(value.name):
            yield Hit(value.name, f"the input is INT64, which TensorRT {spoken(old)} makes INT32")


@rule("constant-type", "error", "store constants as FP32, FP16, INT64, INT32, INT8 or BOOL")
def constant_type(view: View, platform: Platform) -> Iterator[Hit]:
    """Constants have a type that each release has.

    There are no UINT8, INT16, strings or complex numbers in an engine.
    """
    for name, tensor in view.constants.items():
        known = tensor.data_type in (*_CONSTANTS, TensorProto.DOUBLE)
        if not known and not _is_quantized(view, name):  # what Q/DQ read has rules of its own
            yield Hit(name, f"the constant is {type_name(tensor.data_type)}")


@rule("constant-double", "warning", "store the constant as FP32")
def constant_double(view: View, platform: Platform) -> Iterator[Hit]:
    """Constants are not DOUBLE.

    TensorRT casts them to FP32 and clamps what FP32 cannot hold.
    """
    for name, tensor in view.constants.items():
        if tensor.data_type == TensorProto.DOUBLE:
            yield Hit(name, "the constant is DOUBLE, which TensorRT makes FP32")


@rule("quantized-type", "error", "quantize to INT8")
def quantized_type(view: View, platform: Platform) -> Iterator[Hit]:
    """Quantized tensors are INT8.

    Jetson Orin has no FP8 and no FP4; INT4 is for weights alone and UINT8 exists nowhere in TensorRT.
    """
    for node in both(view):
        wanted = integer_attribute(node, "output_dtype")
        if node.op_type == "QuantizeLinear" and wanted not in (None, TensorProto.UNDEFINED, TensorProto.INT8):
            yield hit(node, f"it quantizes to {type_name(wanted)}")
    for node in dequantizes(view):
        kind = view.element_type(input_of(node, 0))
        made = view.producer(input_of(node, 0))
        # an INT32 is a bias, and what a QuantizeLinear makes is judged by its zero point
        if kind not in (TensorProto.INT8, TensorProto.INT32, TensorProto.UNDEFINED) and made is None:
            yield hit(node, f"{input_of(node, 0)!r} is {type_name(kind)}")


@rule("float16-overflow", "error", "write -1e4 into masks, and keep every constant within +-65504", silent=True)
def float16_overflow(view: View, platform: Platform) -> Iterator[Hit]:
    """No floating-point constant is infinite, NaN or beyond +-65504.

    The layers around the INT8 ones run in FP16, where such a number is infinite. A mask with the lowest FP32 number is
    minus infinity then, and a row with nothing else becomes NaN.
    """
    for name in view.constants:
        value = view.floats(name)
        if value is None or not value.size:
            continue
        low, high = np.min(value), np.max(value)  # NaN goes through both
        if not (low >= -_LARGEST_FLOAT16 and high <= _LARGEST_FLOAT16):
            worst = low if not low >= -_LARGEST_FLOAT16 else high
            users = [name_of(use.node) for use in view.uses(name)]
            yield Hit(users[0] if users else name, f"the constant {name!r} holds {worst:g}")


@rule("cast-in-pair", "warning", "remove the Cast: give the scale the type of the tensors around it")
def cast_in_pair(view: View, platform: Platform) -> Iterator[Hit]:
    """No Cast stands between a DequantizeLinear and the product that reads it.

    The pair is fused into an INT8 kernel only where it touches the product.
    """
    for node in view.nodes:
        if is_onnx(node, "Cast") and dequantizer(view, input_of(node, 0)) is not None:
            if any(is_onnx(use.node, "MatMul", "Gemm") for use in view.users(node)):
                yield hit(node, f"it parts {input_of(node, 0)!r} from its product")


@rule("float32-typed-literally", "warning", "export for this JetPack: FP16 tensors and scales at opset 19")
def float32_typed_literally(view: View, platform: Platform) -> Iterator[Hit]:
    """For TensorRT 11 the tensors between the INT8 products are FP16.

    It has strong typing alone: FP32 tensors run in FP32, there is no flag that lets them run in FP16.
    """
    if not platform.strongly_typed:
        return
    for node in view.nodes:
        if is_onnx(node, "Softmax") and view.element_type(input_of(node, 0)) == TensorProto.FLOAT:
            strong = [release for release in platform.releases if release.strongly_typed]
            yield hit(node, f"TensorRT {spoken(strong)} runs it and its neighbours in FP32")
            return


def _is_quantized(view: View, tensor: str) -> bool:
    return any(is_onnx(use.node, "QuantizeLinear", "DequantizeLinear") for use in view.uses(tensor))
