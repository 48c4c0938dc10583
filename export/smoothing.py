"""Smooth the linear layers of a graph before they are quantized."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edgebert.calibration import smoothing_factors
from edgebert.export.linears import Linear

Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Alphas:
    """How much of an outlier channel moves into the weights, by kind of layer.

    The attention output is left out: its input is an average of values, has no outlier channels, and gains nothing.
    """

    qkv: float
    intermediate: float
    output: float

    def __str__(self) -> str:
        return f"qkv {self.qkv:g}, intermediate {self.intermediate:g}, output {self.output:g}"


# A common alpha of 0.5 is worse than none on MiniLM, so which of these serves a model is measured at export.
CANDIDATES: tuple[Alphas | None, ...] = (None, Alphas(0.65, 0.65, 0.75), Alphas(0.75, 0.75, 0.95))

SMOOTHED = tuple(field.name for field in dataclasses.fields(Alphas))


def smooth(model: onnx.ModelProto, linears: Sequence[Linear], maxima: Mapping[str, Floats], alphas: Alphas) -> None:
    """Put a multiplication before linear layers and its inverse into their weights, in place.

    Args:
        model: a fused FP32 graph.
        linears: the layers to smooth, of the kinds in `SMOOTHED`.
        maxima: largest absolute value of each channel, float32 [in], by input tensor.
        alphas: strength by kind.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    before: dict[str, onnx.NodeProto] = {}
    for linear in linears:
        weight = numpy_helper.to_array(tensors[linear.weight])  # [in, out]
        factors = smoothing_factors(maxima[linear.input], weight, getattr(alphas, linear.kind))
        tensors[linear.weight].CopyFrom(numpy_helper.from_array(weight * factors[:, None], linear.weight))
        smoothed = f"{linear.weight}.input"
        inverse = numpy_helper.from_array(1 / factors, f"{linear.weight}.smoothing")
        model.graph.initializer.append(inverse)
        before[linear.node.name] = helper.make_node("Mul", [linear.input, inverse.name], [smoothed], smoothed)
        linear.node.input[0] = smoothed
    nodes = [each for node in model.graph.node for each in (before.get(node.name), node) if each is not None]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
