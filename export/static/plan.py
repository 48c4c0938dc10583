"""Measure the activations of a model and make plans with fixed ranges."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from edgebert.calibration import (
    Channels,
    Entropy,
    MinMax,
    Observers,
    Percentile,
    Ranges,
    Sample,
    channel_statistics,
    collect_all,
)
from edgebert.errors import InputError
from edgebert.export.canonical import FLOAT, LinearPlan, Plan, build
from edgebert.export.canonical.dialects import TAPPED, Dialect
from edgebert.export.canonical.plan import RESIDUALS, quantized_tensors, unsmoothed
from edgebert.export.canonical.quantizers import operand
from edgebert.export.graph import with_outputs
from edgebert.export.lower.weights import KINDS, Linear, Weights
from edgebert.export.platforms import Platform
from edgebert.export.static.search import search_alphas, smoothing_of

# measured in docs/decisions/0008-calibration.md
OBSERVERS: Observers = {
    **dict.fromkeys((f"{kind}.input" for kind in KINDS), Entropy),
    **dict.fromkeys(("query", "key", "value", "context"), Entropy),
    **dict.fromkeys(RESIDUALS, Percentile),
}
# other choices that serve some models better, by what the name of a setting says of them
_ALTERNATIVES: Mapping[str, Observers] = {
    "; residuals by entropy": dict.fromkeys(OBSERVERS, Entropy),
    "; nothing is clipped": dict.fromkeys(OBSERVERS, MinMax),
}


@dataclasses.dataclass(frozen=True)
class StaticOptions:
    """How a model is quantized with fixed ranges.

    Attributes:
        dialect: of its graph.
        residual: residuals are INT8 as well.
        attention: what attention's products read is INT8 as well.
        platform: the TensorRT whose lint every graph must pass; None for a CPU.
    """

    dialect: Dialect
    residual: bool = False
    attention: bool = False
    platform: Platform | None = None


def measure(weights: Weights, samples: Sequence[Sample], weight_limit: int, model_sha256: str) -> dict[str, Ranges]:
    """Return the smoothing and the ranges of everything that can be INT8, by the name of the setting.

    Args:
        weights: of the model.
        samples: texts like those of the device.
        weight_limit: largest code of a weight.
        model_sha256: hash of the model's weights.

    Raises:
        InputError: there are no samples, or an activation is not finite.
    """
    smoothing = find_smoothing(weights, samples, weight_limit)
    graph, tensors = tapped_graph(weights, smoothing.factors)
    choices = {"": OBSERVERS, **_ALTERNATIVES}
    found = collect_all(graph, tensors, list(choices.values()), samples, model_sha256)
    return {f"{smoothing}{choice}": smoothing.joined_to(ranges) for choice, ranges in zip(choices, found, strict=True)}


@dataclasses.dataclass(frozen=True)
class Smoothing:
    """The smoothing of a model.

    Attributes:
        alphas: strength by kind of linear layer.
        factors: what the inputs are multiplied with, by name of the layer; layers without smoothing are left out.
        means: mean of each input channel before that, by name of the layer.
    """

    alphas: Mapping[str, float | None]
    factors: Mapping[str, tuple[float, ...]]
    means: Mapping[str, tuple[float, ...]]

    def __str__(self) -> str:
        return ", ".join(f"{kind} {'none' if alpha is None else f'{alpha:g}'}" for kind, alpha in self.alphas.items())

    def joined_to(self, ranges: Ranges) -> Ranges:
        """Return ranges that say with which smoothing they were measured."""
        return dataclasses.replace(ranges, smoothing=self.factors, means=self.means)


def find_smoothing(weights: Weights, samples: Sequence[Sample], weight_limit: int) -> Smoothing:
    """Return the smoothing with which INT8 moves the outputs of a model least.

    Raises:
        InputError: there are no samples, or an activation is not finite.
    """
    channels = _input_channels(weights, samples)
    maxima = {name: each.maxima for name, each in channels.items()}
    alphas = search_alphas(weights, maxima, samples, weight_limit)
    factors = {}
    for name, linear in _linears(weights).items():
        found = smoothing_of(linear, maxima[name], alphas[name.rsplit(".", 1)[1]])
        if found is not None:
            factors[name] = tuple(found.tolist())
    return Smoothing(alphas, factors, {name: tuple(each.means.tolist()) for name, each in channels.items()})


def tapped_graph(weights: Weights, smoothing: Mapping[str, tuple[float, ...]]) -> tuple[bytes, list[str]]:
    """Return the FP32 graph with smoothing, and the tensors among its outputs whose ranges any plan could need."""
    full = _plan(weights, smoothing, int8=True)
    layers = len(weights.layers)
    everything = dataclasses.replace(full, residual=True, attention=True)
    contexts = [f"layer.{number}.context" for number in range(layers)]
    tensors = list(dict.fromkeys([*quantized_tensors(everything, layers), *contexts]))
    return with_outputs(build(weights, _plan(weights, smoothing, int8=False), TAPPED), tensors), tensors


def plan_of(weights: Weights, ranges: Ranges, options: StaticOptions) -> Plan:
    """Return the plan in which everything is INT8 that the options allow.

    Raises:
        InputError: the ranges are not those of a model of this shape.
    """
    _check_shape(weights, ranges)
    plan = _plan(weights, ranges.smoothing, int8=True)
    linears = {
        name: dataclasses.replace(each, bias_shift=_bias_shift(linear, each, ranges.means[name], options.dialect))
        for (name, linear), each in zip(_linears(weights).items(), plan.linears.values(), strict=True)
    }
    amax = {tensor: each.amax for tensor, each in ranges.by_tensor.items()}
    return Plan(linears, amax, options.residual, options.attention)


def _check_shape(weights: Weights, ranges: Ranges) -> None:
    for name, linear in _linears(weights).items():
        for what, vectors in (("smoothing", ranges.smoothing), ("means", ranges.means)):
            found = len(vectors.get(name, ())) or None
            if found != len(linear.weight) and (found is not None or what == "means"):
                raise InputError(
                    f"the {what} of {name} has {found or 0} numbers instead of {len(linear.weight)}: calibrate again"
                )


def _bias_shift(linear: Linear, plan: LinearPlan, means: Sequence[float], dialect: Dialect) -> tuple[float, ...]:
    """Return what makes good the mean error of the rounded weight, by output channel.

    What clipping and rounding the input costs is left out: a few tokens with huge values rule that mean, and all others
    would pay for them.
    """
    exact = operand(linear, plan, dialect)
    smoothed = np.array(means) * (1 if plan.smoothing is None else np.array(plan.smoothing))
    shift = smoothed @ (exact.weight.astype(np.float64) - exact.rounded(dialect.weight_limit))
    return tuple(shift.astype(np.float32).tolist())


def _plan(weights: Weights, smoothing: Mapping[str, tuple[float, ...]], int8: bool) -> Plan:
    return Plan({name: LinearPlan(int8=int8, smoothing=smoothing.get(name)) for name in _linears(weights)})


def _linears(weights: Weights) -> dict[str, Linear]:
    """Return the linear layers of the encoder by name."""
    return {
        f"layer.{number}.{kind}": layer.linears[kind] for number, layer in enumerate(weights.layers) for kind in KINDS
    }


def _input_channels(weights: Weights, samples: Sequence[Sample]) -> dict[str, Channels]:
    """Return the statistics of the input channels of each linear layer, by layer."""
    inputs = {
        f"layer.{number}.{kind}": unsmoothed(number, kind) for number in range(len(weights.layers)) for kind in KINDS
    }
    names = list(inputs.values())
    found = channel_statistics(with_outputs(build(weights, FLOAT, TAPPED), names), names, samples)
    return {name: found[tensor] for name, tensor in inputs.items()}
