"""Make a graph with fixed ranges in more than one way: with any smoothing, and with any layers in float."""

import dataclasses
from collections.abc import Sequence

from edgebert.calibration import Sample
from edgebert.export.canonical import Plan, build
from edgebert.export.lower.weights import Weights
from edgebert.export.mix import Made, Mix
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

    def make(self, mix: Mix) -> Made:
        """Make the graph with the smoothing that the mix names."""
        return self._made(self._plans[mix.setting].without(mix.floats), {"smoothing": mix.setting})

    def alone(self, layer: str) -> Made:
        """Make the graph with one linear layer in INT8 and everything else in float."""
        plan = dataclasses.replace(self._plans[self.settings[0]], residual=False, attention=False)
        return self._made(plan.without(plan.linears.keys() - {layer}), {})

    def _made(self, plan: Plan, provenance: dict[str, str]) -> Made:
        return Made(bytes(build(self._weights, plan, self._options.dialect).SerializeToString()), provenance)
