"""Dialects: how one family of engines wants the same graph to be written."""

import dataclasses

import numpy as np

from edgebert.errors import InputError


@dataclasses.dataclass(frozen=True)
class Dialect:
    """What an engine accepts, and the form in which it fuses.

    Attributes:
        name: what a bundle's plan calls it.
        opset: version of the standard operators.
        ir_version: version of the file format; old parsers refuse newer ones.
        half: tensors, weights and scales are float16 instead of float32; inputs and outputs stay as they are.
        operator_norms: LayerNorm is one operator instead of its parts.
        merged_qkv: Q, K and V are one product.
        weights_in_float: weights are stored in float before QuantizeLinear, instead of as INT8.
        unsigned: activations are uint8 with the zero point 128 instead of int8.
        weight_limit: largest code of a weight.
        integer_embeddings: the tables of words and positions are stored in INT8 with a scale a row.
        taps: every point at which calibration looks has a tensor of its own.
    """

    name: str
    opset: int
    ir_version: int
    half: bool = False
    operator_norms: bool = False
    merged_qkv: bool = False
    weights_in_float: bool = False
    unsigned: bool = False
    weight_limit: int = 127
    integer_embeddings: bool = False
    taps: bool = False

    @property
    def float_type(self) -> type[np.float32] | type[np.float16]:
        """Type of the tensors that are not integers."""
        return np.float16 if self.half else np.float32


# FP32 with a name for every activation: what calibration runs
TAPPED = Dialect("tapped", opset=17, ir_version=8, operator_norms=True, merged_qkv=True, taps=True)

# TensorRT 8.5 has no LayerNormalization, and no TensorRT 8 takes INT8 weights
TENSORRT_8_5 = Dialect("tensorrt-8.5", opset=13, ir_version=7, weights_in_float=True)
# as one operator, TensorRT 8.6 and later add up a LayerNorm in float32 even where the rest is float16
TENSORRT_8_6 = dataclasses.replace(TENSORRT_8_5, name="tensorrt-8.6", opset=17, ir_version=8, operator_norms=True)
# strongly typed: what is to run in float16 must say so, and opset 19 is the first whose scales may
TENSORRT_10_13 = Dialect("tensorrt-10.13", opset=19, ir_version=9, half=True, operator_norms=True)

# x86 without VNNI is fast with unsigned activations alone, and exact with 7-bit weights alone
ORT_X86 = Dialect(
    "onnxruntime-x86",
    opset=17,
    ir_version=8,
    operator_norms=True,
    merged_qkv=True,
    unsigned=True,
    weight_limit=64,
    integer_embeddings=True,
)
ORT_ARM64 = dataclasses.replace(ORT_X86, name="onnxruntime-arm64", unsigned=False, weight_limit=127)

_BY_NAME = {
    dialect.name: dialect for dialect in (TAPPED, TENSORRT_8_5, TENSORRT_8_6, TENSORRT_10_13, ORT_X86, ORT_ARM64)
}


def dialect_named(name: str) -> Dialect:
    """Return a dialect.

    Raises:
        InputError: there is no such dialect.
    """
    if name not in _BY_NAME:
        raise InputError(f"there is no dialect {name!r}: choose one of {', '.join(_BY_NAME)}")
    return _BY_NAME[name]
