"""Measure the activations of a model and make plans with fixed ranges, one for each candidate of smoothing."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edgebert.calibration import MinMax, Sample, channel_maxima, collect, kind_of, run_graph, smoothing_factors
from edgebert.export.canonical import FLOAT, LinearPlan, Plan, build
from edgebert.export.canonical.dialects import TAPPED, Dialect
from edgebert.export.canonical.plan import quantized_tensors, unsmoothed
from edgebert.export.graph import with_outputs
from edgebert.export.lower.weights import KINDS, Weights
from edgebert.export.smoothing import CANDIDATES, SMOOTHED, Alphas

Floats = npt.NDArray[np.float32]

_JUDGES = 32  # samples on which the candidates for smoothing are compared


@dataclasses.dataclass(frozen=True)
class StaticOptions:
    """How a model is quantized with fixed ranges: the dialect of its graph, and what besides linear layers is INT8."""

    dialect: Dialect
    residual: bool = False
    attention: bool = False


def static_plans(weights: Weights, samples: Sequence[Sample], options: StaticOptions) -> dict[str, Plan]:
    """Return plans by the name of their smoothing, the one whose graph is nearest to FP32 on the samples first.

    Args:
        weights: of the model.
        samples: texts like those of the device.
        options: what is INT8.

    Raises:
        InputError: there are no samples, or an activation is not finite.
    """
    maxima = _input_maxima(weights, samples)
    judges = samples[:: max(1, len(samples) // _JUDGES)]
    expected = list(run_graph(_tapped(weights, FLOAT), judges))
    plans: dict[str, Plan] = {}
    errors: dict[str, float] = {}
    for alphas in CANDIDATES:
        name = str(alphas or "none")
        plans[name] = _measure(weights, _smoothed(weights, maxima, alphas), samples, options)
        graph = build(weights, plans[name], options.dialect).SerializeToString()
        errors[name] = _relative_error(expected, list(run_graph(graph, judges)))
    return {name: plans[name] for name in sorted(plans, key=lambda name: errors[name])}


def _input_maxima(weights: Weights, samples: Sequence[Sample]) -> dict[str, Floats]:
    """Return the largest absolute value of each input channel of each layer that may be smoothed, by layer."""
    layers = range(len(weights.layers))
    inputs = {f"layer.{layer}.{kind}": unsmoothed(layer, kind) for layer in layers for kind in SMOOTHED}
    names = list(inputs.values())
    found = channel_maxima(with_outputs(build(weights, FLOAT, TAPPED), names), names, samples)
    return {name: found[tensor] for name, tensor in inputs.items()}


def _smoothed(weights: Weights, maxima: Mapping[str, Floats], alphas: Alphas | None) -> Plan:
    """Return a plan in which every linear layer is INT8 and has its smoothing, without ranges."""
    linears: dict[str, LinearPlan] = {}
    for number, layer in enumerate(weights.layers):
        for kind in KINDS:
            name = f"layer.{number}.{kind}"
            factors = None
            if alphas is not None and kind in SMOOTHED:
                weight = layer.linears[kind].weight.numpy()
                factors = 1 / smoothing_factors(maxima[name], weight, getattr(alphas, kind))
            linears[name] = LinearPlan(smoothing=None if factors is None else tuple(factors.tolist()))
    return Plan(linears)


def _measure(weights: Weights, plan: Plan, samples: Sequence[Sample], options: StaticOptions) -> Plan:
    """Return a plan with the ranges that it needs, and those that it needs when layers are left in float."""
    full = dataclasses.replace(plan, residual=options.residual, attention=options.attention)
    layers = range(len(weights.layers))
    contexts = [f"layer.{layer}.context" for layer in layers] if options.attention else []
    tensors = list(dict.fromkeys([*quantized_tensors(full, len(layers)), *contexts]))
    in_float = {name: dataclasses.replace(linear, int8=False) for name, linear in plan.linears.items()}
    observers = {kind_of(tensor): MinMax for tensor in tensors}
    graph = with_outputs(build(weights, Plan(in_float), TAPPED), tensors)
    found = collect(graph, tensors, observers, samples, "")
    return dataclasses.replace(full, ranges={tensor: found[tensor].amax for tensor in tensors})


def _tapped(weights: Weights, plan: Plan) -> bytes:
    return bytes(build(weights, plan, TAPPED).SerializeToString())


def _relative_error(expected: Sequence[Floats], found: Sequence[Floats]) -> float:
    """Return the mean over samples of the distance from the expected output, as a share of its length."""
    shares = [np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in zip(expected, found, strict=True)]
    return float(np.mean(shares))
