"""Make a graph with fixed ranges in more than one way: with any smoothing, and with any layers in float."""

import dataclasses
from collections.abc import Sequence

import onnx

from edgebert.calibration import Sample
from edgebert.export.canonical import Plan, build
from edgebert.export.lower.weights import Weights
from edgebert.export.static.plan import StaticOptions, static_plans


class StaticMaker:
    """Measures a model once, and then makes its INT8 graph in seconds."""

    engine = "onnxruntime"  # what can run the graph where it is made

    def __init__(self, weights: Weights, samples: Sequence[Sample], options: StaticOptions) -> None:
        self._weights, self._options = weights, options
        self._plans = static_plans(weights, samples, options)

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the candidates for smoothing, from the least error on the samples."""
        return tuple(self._plans)

    def plan(self, setting: str, floats: frozenset[str] = frozenset()) -> Plan:
        """Return what is INT8 with a smoothing of `settings`; the linear layers ``floats`` are not."""
        return self._plans[setting].without(floats)

    def model(self, setting: str, floats: frozenset[str] = frozenset()) -> onnx.ModelProto:
        """Make the graph; the linear layers ``floats``, named ``layer.N.KIND``, stay in float."""
        return build(self._weights, self.plan(setting, floats), self._options.dialect)

    def alone(self, layer: str) -> onnx.ModelProto:
        """Make the graph with one linear layer in INT8 and everything else in float."""
        plan = self._plans[self.settings[0]]
        others = dataclasses.replace(plan, residual=False, attention=False).without(plan.linears.keys() - {layer})
        return build(self._weights, others, self._options.dialect)
