"""Make a graph with fixed ranges in more than one way: with any setting, and with any layers in float."""

import dataclasses
from collections.abc import Mapping, Sequence

from edgebert.calibration import Ranges, Sample, run_graph
from edgebert.export.canonical import FLOAT, Plan, build
from edgebert.export.judges import judges_of, relative_error
from edgebert.export.lint import check
from edgebert.export.lower.weights import Weights
from edgebert.export.mix import Made, Mix
from edgebert.export.saturation import check_saturation
from edgebert.export.static.plan import StaticOptions, plan_of

_LINEAR_ONLY = "; linear layers alone"  # what a setting's name says where residuals and attention stay in float


class StaticMaker:
    """Makes INT8 graphs in seconds from what was measured once.

    Args:
        weights: of the model.
        measured: smoothing and ranges by the name of their setting.
        samples: texts on which the settings are compared.
        options: what is INT8.
    """

    engine = "onnxruntime"  # what can run the graph where it is made

    def __init__(
        self, weights: Weights, measured: Mapping[str, Ranges], samples: Sequence[Sample], options: StaticOptions
    ) -> None:
        self._weights, self._options = weights, options
        plans = {name: plan_of(weights, ranges, options) for name, ranges in measured.items()}
        judges = judges_of(samples)
        expected = list(run_graph(self._graph(FLOAT), judges)) if len(plans) > 1 else []

        def error(name: str) -> float:
            return relative_error(expected, list(run_graph(self._graph(plans[name]), judges)))

        self._plans = {name: plans[name] for name in (sorted(plans, key=error) if len(plans) > 1 else plans)}
        if options.residual or options.attention:
            best = next(iter(self._plans))
            self._plans[f"{best}{_LINEAR_ONLY}"] = _linear_only(self._plans[best])

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings, from the least error on the samples; last, where more is INT8, linear layers alone."""
        return tuple(self._plans)

    @property
    def safest(self) -> str:
        """The last setting where it has linear layers alone in INT8, else the one with the least error."""
        return self.settings[-1 if self._options.residual or self._options.attention else 0]

    def make(self, mix: Mix) -> Made:
        """Make the graph with the setting that the mix names."""
        return self._made(self._plans[mix.setting].without(mix.floats), {"smoothing": mix.setting})

    def alone(self, layer: str) -> Made:
        """Make the graph with one linear layer in INT8 and everything else in float."""
        plan = _linear_only(self._plans[self.settings[0]])
        return self._made(plan.without(plan.linears.keys() - {layer}), {})

    def _made(self, plan: Plan, provenance: dict[str, str]) -> Made:
        options = self._options
        model = build(self._weights, plan, options.dialect)
        if options.dialect.unsigned:
            check_saturation(model)
        if options.platform is not None:
            check(model, options.platform, len(self._weights.position))
        return Made(bytes(model.SerializeToString()), provenance)

    def _graph(self, plan: Plan) -> bytes:
        return bytes(build(self._weights, plan, self._options.dialect).SerializeToString())


def _linear_only(plan: Plan) -> Plan:
    return dataclasses.replace(plan, residual=False, attention=False)
