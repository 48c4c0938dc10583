"""Measure the activations of a model and make plans with fixed ranges."""

import dataclasses
from collections.abc import Mapping, Sequence

from edgebert.calibration import Entropy, MinMax, Observers, Percentile, Ranges, Sample, channel_maxima, collect_all
from edgebert.export.canonical import FLOAT, LinearPlan, Plan, build
from edgebert.export.canonical.dialects import TAPPED, Dialect
from edgebert.export.canonical.plan import RESIDUALS, quantized_tensors, unsmoothed
from edgebert.export.graph import with_outputs
from edgebert.export.lower.weights import KINDS, Weights
from edgebert.export.static.search import Floats, search_alphas, smoothing_of

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
    """How a model is quantized with fixed ranges: the dialect of its graph, and what besides linear layers is INT8."""

    dialect: Dialect
    residual: bool = False
    attention: bool = False


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
    alphas, smoothing = find_smoothing(weights, samples, weight_limit)
    graph, tensors = tapped_graph(weights, smoothing)
    choices = {"": OBSERVERS, **_ALTERNATIVES}
    found = collect_all(graph, tensors, list(choices.values()), samples, model_sha256)
    words = ", ".join(f"{kind} {'none' if alpha is None else f'{alpha:g}'}" for kind, alpha in alphas.items())
    return {
        words + choice: dataclasses.replace(ranges, smoothing=smoothing)
        for choice, ranges in zip(choices, found, strict=True)
    }


def find_smoothing(
    weights: Weights, samples: Sequence[Sample], weight_limit: int
) -> tuple[dict[str, float | None], dict[str, tuple[float, ...]]]:
    """Return the alpha of each kind of linear layer, and what their inputs are multiplied with where there is one.

    Raises:
        InputError: there are no samples, or an activation is not finite.
    """
    maxima = _input_maxima(weights, samples)
    alphas = search_alphas(weights, maxima, samples, weight_limit)
    smoothing = {}
    for number, layer in enumerate(weights.layers):
        for kind, alpha in alphas.items():
            factors = smoothing_of(layer.linears[kind], maxima[f"layer.{number}.{kind}"], alpha)
            if factors is not None:
                smoothing[f"layer.{number}.{kind}"] = tuple(factors.tolist())
    return alphas, smoothing


def tapped_graph(weights: Weights, smoothing: Mapping[str, tuple[float, ...]]) -> tuple[bytes, list[str]]:
    """Return the FP32 graph with smoothing, and the tensors among its outputs whose ranges any plan could need."""
    full = _plan(weights, smoothing, int8=True)
    layers = len(weights.layers)
    everything = dataclasses.replace(full, residual=True, attention=True)
    contexts = [f"layer.{number}.context" for number in range(layers)]
    tensors = list(dict.fromkeys([*quantized_tensors(everything, layers), *contexts]))
    return with_outputs(build(weights, _plan(weights, smoothing, int8=False), TAPPED), tensors), tensors


def plan_of(weights: Weights, ranges: Ranges, options: StaticOptions) -> Plan:
    """Return the plan in which everything is INT8 that the options allow."""
    plan = _plan(weights, ranges.smoothing, int8=True)
    amax = {tensor: each.amax for tensor, each in ranges.by_tensor.items()}
    return dataclasses.replace(plan, ranges=amax, residual=options.residual, attention=options.attention)


def _plan(weights: Weights, smoothing: Mapping[str, tuple[float, ...]], int8: bool) -> Plan:
    names = [f"layer.{number}.{kind}" for number in range(len(weights.layers)) for kind in KINDS]
    return Plan({name: LinearPlan(int8=int8, smoothing=smoothing.get(name)) for name in names})


def _input_maxima(weights: Weights, samples: Sequence[Sample]) -> dict[str, Floats]:
    """Return the largest absolute value of each input channel of each linear layer, by layer."""
    inputs = {
        f"layer.{number}.{kind}": unsmoothed(number, kind) for number in range(len(weights.layers)) for kind in KINDS
    }
    names = list(inputs.values())
    found = channel_maxima(with_outputs(build(weights, FLOAT, TAPPED), names), names, samples)
    return {name: found[tensor] for name, tensor in inputs.items()}
