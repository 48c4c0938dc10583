"""QuantizeLinear and DequantizeLinear as TensorRT takes them: symmetric, three inputs, scales above zero."""

import dataclasses

import numpy as np
import numpy.typing as npt

from edgebert.export.canonical.assembler import Assembler
from edgebert.export.canonical.dialects import Dialect
from edgebert.export.canonical.plan import LinearPlan
from edgebert.export.lower.weights import Linear

Floats = npt.NDArray[np.float32]

ACTIVATION_LIMIT = 127  # largest code on either side of the zero point
PROBABILITY_MAX = 1.0  # what softmax can give; no calibration needed


def add_quantizer(graph: Assembler, tensor: str, name: str, largest: float) -> str:
    """Add a pair of nodes that round an activation to INT8 and back, and return the tensor that comes out.

    Args:
        graph: to add to.
        tensor: the activation.
        name: what the activation is called in the names of the pair.
        largest: its largest absolute value; what is beyond is clipped.
    """
    dialect = graph.dialect
    zero_point = np.array(128, np.uint8) if dialect.unsigned else np.array(0, np.int8)
    scale = graph.floats(f"{name}.scale", storable_scales(np.float32(largest / ACTIVATION_LIMIT), dialect))
    parameters = [scale, graph.constant("activation.zero_point", zero_point)]
    codes = graph.add("QuantizeLinear", [tensor, *parameters], f"{name}.quantized")
    return graph.add("DequantizeLinear", [codes, *parameters], f"{name}.dequantized")


@dataclasses.dataclass(frozen=True)
class Operand:
    """What a linear layer multiplies with and adds, its smoothing taken into account.

    ``weight`` float32 [in, out], ``bias`` float32 [out]; ``scales`` float32 [out], or None for a weight in float.
    """

    weight: Floats
    bias: Floats
    scales: Floats | None

    def codes(self, limit: int) -> npt.NDArray[np.int8]:
        """Return the weight in whole multiples of its scales, from -limit to limit."""
        codes: npt.NDArray[np.int8] = np.clip(np.rint(self.weight / self._steps), -limit, limit).astype(np.int8)
        return codes

    def rounded(self, limit: int) -> Floats:
        """Return the weight as it is in INT8, in float."""
        return self.codes(limit) * self._steps

    @property
    def _steps(self) -> Floats:
        if self.scales is None:
            raise ValueError("a weight in float has no codes")
        return self.scales

    def parts(self, count: int) -> list["Operand"]:
        """Cut the output channels into equal parts."""
        weights, biases = np.split(self.weight, count, axis=1), np.split(self.bias, count)
        scales = [None] * count if self.scales is None else np.split(self.scales, count)
        return [Operand(*part) for part in zip(weights, biases, scales, strict=True)]


def operand(linear: Linear, plan: LinearPlan, dialect: Dialect) -> Operand:
    """Return the operand of a linear layer under a plan."""
    weight, bias = linear.weight.numpy(), linear.bias.numpy()
    if plan.smoothing is not None:
        weight = weight / np.array(plan.smoothing, np.float32)[:, None]
    if plan.bias_shift is not None:
        bias = bias + np.array(plan.bias_shift, np.float32)
    return Operand(weight, bias, _weight_scales(weight, plan, dialect) if plan.int8 else None)


def add_weight(graph: Assembler, name: str, operand: Operand) -> str:
    """Add the weight of an operand and return the float tensor that a product reads."""
    dialect, scales = graph.dialect, operand.scales
    if scales is None:
        return graph.floats(name, operand.weight)
    parameters = [
        graph.floats(f"{name}.scale", scales),
        graph.constant(f"weight.zero_points.{len(scales)}", np.zeros(len(scales), np.int8)),
    ]
    codes = operand.codes(dialect.weight_limit)
    if dialect.weights_in_float:
        # on the grid already, so that no engine's way of rounding matters
        stored = graph.floats(name, codes * scales)
        quantized = graph.add("QuantizeLinear", [stored, *parameters], f"{name}.quantized", axis=1)
    else:
        quantized = graph.constant(f"{name}.quantized", codes)
    return graph.add("DequantizeLinear", [quantized, *parameters], f"{name}.dequantized", axis=1)


def _weight_scales(weight: Floats, plan: LinearPlan, dialect: Dialect) -> Floats:
    """Return the scale of each output channel of a weight [in, out], float32 [out], above zero."""
    if plan.weight_scale is not None:
        return storable_scales(np.array(plan.weight_scale, np.float32), dialect)
    largest = np.abs(weight).max(axis=0)
    return storable_scales(np.where(largest > 0, largest, np.float32(1)) / np.float32(dialect.weight_limit), dialect)


def storable_scales(scales: npt.ArrayLike, dialect: Dialect) -> Floats:
    """Return scales rounded to the float type of a dialect and kept above zero, as float32."""
    kind = dialect.float_type
    kept = np.maximum(np.asarray(scales, np.float32), np.float32(np.finfo(kind).tiny))
    stored: Floats = kept.astype(kind).astype(np.float32)
    return stored
