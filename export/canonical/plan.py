"""What is to be INT8 in a graph, and with which numbers. A plan holds no weights and can be written as JSON."""

import dataclasses
from collections.abc import Iterable, Mapping

from edgebert.errors import InputError

ATTENTION = ("query", "key", "value", "probabilities")  # what the two products of attention read
RESIDUALS = ("attention_residual", "output_residual")


@dataclasses.dataclass(frozen=True)
class LinearPlan:
    """How one linear layer is computed.

    Attributes:
        int8: whether its input and its weight are INT8; False where only the smoothing is wanted, for calibration.
        smoothing: multiplied onto the input, one number an input channel; rows of the weight are divided by it.
        bias_shift: added to the bias, one number an output channel; makes good the mean error of INT8.
        weight_scale: one number an output channel; None takes the largest value of each channel.
    """

    int8: bool = True
    smoothing: tuple[float, ...] | None = None
    bias_shift: tuple[float, ...] | None = None
    weight_scale: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is INT8.

    Attributes:
        linears: by name, ``layer.N.KIND``; a layer that is not named stays in float.
        ranges: largest absolute value by tensor, for every tensor that is quantized; its scale is a 127th of it.
        residual: quantize what is added after each of a layer's two halves.
        attention: quantize what the two products of attention read.
    """

    linears: Mapping[str, LinearPlan] = dataclasses.field(default_factory=dict)
    ranges: Mapping[str, float] = dataclasses.field(default_factory=dict)
    residual: bool = False
    attention: bool = False

    def linear(self, layer: int, kind: str) -> LinearPlan:
        """Return how a linear layer is computed."""
        return self.linears.get(f"layer.{layer}.{kind}", LinearPlan(int8=False))

    def range(self, tensor: str) -> float:
        """Return the largest absolute value of a tensor.

        Raises:
            InputError: it was not measured, or is not above zero.
        """
        value = self.ranges.get(tensor)
        if value is None or not 0 < value < float("inf"):
            raise InputError(f"the range of {tensor!r} is {value}: calibrate this model again")
        return value

    def without(self, layers: Iterable[str]) -> "Plan":
        """Return a plan in which some linear layers, named ``layer.N.KIND``, stay in float.

        Raises:
            InputError: a name is not one of the plan's layers.
        """
        left_out = frozenset(layers)
        if unknown := sorted(left_out - self.linears.keys()):
            raise InputError(f"there is no INT8 layer {unknown[0]!r}: choose from {', '.join(self.linears)}")
        linears = {name: linear for name, linear in self.linears.items() if name not in left_out}
        return dataclasses.replace(self, linears=linears)


FLOAT = Plan()  # nothing is INT8


def input_of(layer: int, kind: str) -> str:
    """Return the name of the tensor that a linear layer multiplies, after its smoothing."""
    return f"layer.{layer}.{kind}.input"


def unsmoothed(layer: int, kind: str) -> str:
    """Return the name of the input of a linear layer before its smoothing."""
    return f"layer.{layer}.{kind}.unsmoothed"


def quantized_tensors(plan: Plan, layers: int) -> list[str]:
    """Return the names of all activations whose ranges a plan needs, in the order of the graph."""
    return [
        f"layer.{layer}.{tensor}"
        for layer in range(layers)
        for tensor in (*_tensors_of_attention(plan, layer), *_tensors_of_feed_forward(plan, layer))
    ]


def needs_context(plan: Plan, layer: int) -> bool:
    """Say whether attention's output needs a quantizer of its own.

    An engine runs attention in INT8 only if its output is INT8 as well; mostly the next layer's input is.
    """
    following = plan.linear(layer, "attention_output")
    return plan.attention and (not following.int8 or following.smoothing is not None)


def _tensors_of_attention(plan: Plan, layer: int) -> list[str]:
    return [
        *(["qkv.input"] if plan.linear(layer, "qkv").int8 else []),
        *(ATTENTION[:3] if plan.attention else []),  # probabilities have a range that is known
        *(["context"] if needs_context(plan, layer) else []),
        *(["attention_output.input"] if plan.linear(layer, "attention_output").int8 else []),
        *(["attention_residual"] if plan.residual else []),
    ]


def _tensors_of_feed_forward(plan: Plan, layer: int) -> list[str]:
    return [
        *(f"{kind}.input" for kind in ("intermediate", "output") if plan.linear(layer, kind).int8),
        *(["output_residual"] if plan.residual else []),
    ]
