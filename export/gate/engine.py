"""Judge the model of one engine, and change it where it lost too much, or may have."""

import dataclasses
import time
from collections.abc import Callable, Sequence

from edgebert.accuracy.evaluation import Evaluation
from edgebert.accuracy.metrics import Marks, Metric
from edgebert.accuracy.verdict import Judgement, judge
from edgebert.bundle import Bundle
from edgebert.calibration import Sample
from edgebert.engines import Floats, open_session
from edgebert.export.gate.outcome import Attempt, EngineOutcome
from edgebert.export.gate.search import Found, descend, ladder
from edgebert.export.gate.sensitivity import damages, outputs_of, ranked
from edgebert.export.gate.words import describe_attempt
from edgebert.export.mix import Maker, Mix, multiplications
from edgebert.export.recipe import Recipe
from edgebert.export.write import replace_model
from edgebert.loader import load_bundle

Progress = Callable[[str], None]

_SENSITIVITY = 0.5  # share of the time of a search that the ranking of layers may take


class EngineGate:
    """Judges and, where that is needed, changes the model of one engine in ``draft``."""

    def __init__(
        self,
        draft: Bundle,
        maker: Maker,
        evaluation: Evaluation,
        baseline: Marks,
        recipe: Recipe,
        samples: Sequence[Sample],
        progress: Progress,
    ) -> None:
        self.draft = draft
        self._maker, self._metrics, self._mark = maker, evaluation.metrics, evaluation.mark
        self._baseline, self._recipe = baseline, recipe
        self._samples, self._progress = samples, progress
        self._limit = recipe.max_drop or 0.0
        self._costs = multiplications(draft.manifest.shape)
        self._end = 0.0  # of the search, once it begins
        self._current: Mix | None = Mix(maker.settings[0])  # what the draft holds
        self._marks: dict[Mix, Marks] = {}
        self._sensitivity: dict[str, float] = {}

    def run(self) -> EngineOutcome:
        """Settle on a model, and return what was found."""
        first = self._attempt(Mix(self._maker.settings[0]))
        found, note = Found(first if self._accepts(first.judgement) else None, (), out_of_time=False), ""
        if found.best is None:
            note = self._hopeless()
        if found.best is None and not note:
            found = self._search()
            note = f"stopped after {self._recipe.search_minutes:g} minutes" if found.out_of_time else ""
        attempts = (first, *found.attempts)
        if found.best is not None and found.best.float_share == 1:
            found = dataclasses.replace(found, best=None)
            note = "; ".join(filter(None, (note, "only with every linear layer in float did it pass")))
        quantized = (attempt for attempt in attempts if attempt.float_share < 1)
        chosen = found.best or min(quantized, key=lambda attempt: attempt.judgement.high)
        self._hold(chosen.mix)
        return EngineOutcome(
            engine=self._maker.engine,
            chosen=chosen,
            accepted=found.best is not None,
            attempts=attempts,
            sensitivity=self._sensitivity,
            others=tuple(self._judgement(metric, chosen.mix) for metric in self._metrics[1:]),
            note=note,
        )

    def _search(self) -> Found:
        self._end = time.monotonic() + 60 * self._recipe.search_minutes
        if not self._more():
            return Found(None, (), out_of_time=True)
        mixes = ladder(self._maker.safest, self._maker.settings, self._rank())
        return descend(mixes, self._attempt, self._accepts, self._more)

    def _more(self) -> bool:
        return time.monotonic() < self._end

    def _attempt(self, mix: Mix) -> Attempt:
        share = sum(self._costs[name] for name in mix.floats) / sum(self._costs.values())
        return Attempt(mix, self._judge(mix), share)

    def _judge(self, mix: Mix) -> Judgement:
        self._hold(mix)
        self._marks[mix] = self._mark(load_bundle(self.draft, self._maker.engine))
        judgement = self._judgement(self._metrics[0], mix)
        self._progress(f"{self._maker.engine}, {describe_attempt(mix, judgement)}")
        return judgement

    def _judgement(self, metric: Metric, mix: Mix) -> Judgement:
        return judge(metric, self._baseline, self._marks[mix], self._limit)

    def _hold(self, mix: Mix) -> None:
        """Put the model of a mix into the draft."""
        if mix != self._current:
            self.draft = replace_model(self.draft, self._maker.engine, self._maker.make(mix))
            self._current = mix

    def _rank(self) -> list[str]:
        """Return the layers by the damage that each does for a product, the worst first."""
        end = time.monotonic() + _SENSITIVITY * (self._end - time.monotonic())
        self._progress(f"{self._maker.engine}, quantizing each layer alone")
        expected = outputs_of(open_session(self.draft, None, 1, baseline=True), self._samples)
        self._sensitivity = damages(self._costs, expected, self._alone, lambda: time.monotonic() < end)
        return ranked(self._costs, self._sensitivity)

    def _alone(self, layer: str) -> list[Floats]:
        self.draft = replace_model(self.draft, self._maker.engine, self._maker.alone(layer))
        self._current = None
        return outputs_of(open_session(self.draft, self._maker.engine, 1), self._samples)

    def _accepts(self, judgement: Judgement) -> bool:
        return judgement.verdict == "passed" or (judgement.verdict == "unresolved" and self._recipe.accept_unresolved)

    def _hopeless(self) -> str:
        """Say why no mix can pass, or nothing where one might."""
        best = judge(self._metrics[0], self._baseline, self._baseline, self._limit)
        if self._accepts(best):
            return ""
        if best.needed is None:
            return "not searched, since no number of texts proves a drop of 0"
        return f"not searched, since these texts could not prove even equal answers: give at least {best.needed}"
