"""Hold a draft to what it may lose, engine by engine."""

import dataclasses
import time
from collections.abc import Callable, Sequence

from edgebert.accuracy.agreement import agreement
from edgebert.accuracy.evaluation import Evaluation
from edgebert.accuracy.metrics import Marks, Metric
from edgebert.accuracy.verdict import Judgement, judge
from edgebert.bundle import Bundle, model_file
from edgebert.calibration import Sample
from edgebert.engines import Floats, open_session
from edgebert.errors import GateError
from edgebert.export.gate.outcome import EngineOutcome, Outcome, numbers, rounded
from edgebert.export.gate.search import Found, Search
from edgebert.export.gate.sensitivity import damages, outputs_of
from edgebert.export.gate.words import describe_attempt, refusal
from edgebert.export.mix import Maker, Mix, multiplications
from edgebert.export.recipe import Recipe
from edgebert.export.texts import ExportTexts
from edgebert.export.write import replace_model
from edgebert.loader import load_bundle
from edgebert.manifest import Manifest

Progress = Callable[[str], None]

_SENSITIVITY = 0.5  # share of the time of a search that the ranking of layers may take


def hold(
    draft: Bundle,
    makers: Sequence[Maker],
    evaluation: Evaluation | None,
    recipe: Recipe,
    texts: ExportTexts,
    samples: Sequence[Sample],
    progress: Progress,
) -> tuple[Bundle, Outcome | None]:
    """Judge the model of each engine against the FP32 baseline, and return layers to float where one lost too much.

    Args:
        draft: bundle with its baseline.
        makers: make the engines' models in other ways; one an engine.
        evaluation: labelled texts; None judges agreement with FP32.
        recipe: says what may be lost; None there judges nothing.
        texts: for agreement with FP32, those that quantization did not learn from.
        samples: texts on which layers are ranked.
        progress: told what was tried.

    Returns:
        the draft with the models that passed, and what was found.

    Raises:
        GateError: the model of an engine lost more than it may, or the texts cannot tell.
    """
    if recipe.max_drop is None:
        return draft, None
    baseline = load_bundle(draft, baseline=True)
    held_to = evaluation or agreement(f"texts ({texts.source})", texts.comparison, baseline)
    marks = held_to.mark(baseline)
    outcomes = []
    for maker in makers:
        gate = _Gate(draft, maker, held_to, marks, recipe, samples, progress)
        outcomes.append(gate.run())
        draft = gate.draft
    refused = [refusal(outcome) for outcome in outcomes if not outcome.accepted]
    if refused:
        raise GateError(f"the release gate is closed and nothing was written: {'; '.join(refused)}")
    found = Outcome(held_to.source, held_to.sha256, tuple(outcomes))
    return _noted(draft, found), found


def _noted(draft: Bundle, found: Outcome) -> Bundle:
    """Return a draft whose manifest says what was found."""
    gate, floats = {}, {}
    for outcome in found.engines:
        for engine in _sharing(draft.manifest, outcome.engine):
            gate[engine] = {
                "source": found.source,
                "judged_on": outcome.engine,
                "attempts": len(outcome.attempts),
                "float_share": rounded(outcome.chosen.float_share),
                **numbers(outcome.chosen.judgement),
            }
            if outcome.reasons:
                floats[engine] = outcome.reasons
    provenance = {**draft.manifest.provenance, "evaluation_sha256": found.sha256}
    manifest = dataclasses.replace(draft.manifest, gate=gate, float_layers=floats, provenance=provenance)
    return dataclasses.replace(draft, manifest=manifest)


def _sharing(manifest: Manifest, engine: str) -> list[str]:
    """Return the engines of a bundle that run the same model file; TensorRT's is judged on ONNX Runtime here."""
    file = model_file(manifest, engine, False)
    return [name for name in manifest.engines if model_file(manifest, name, False) == file]


class _Gate:
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
        self._end = time.monotonic() + 60 * recipe.search_minutes
        self._current: Mix | None = Mix(maker.settings[0])  # what the draft holds
        self._marks: dict[Mix, Marks] = {}
        self._sensitivity: dict[str, float] = {}

    def run(self) -> EngineOutcome:
        """Settle on a model, and return what was found."""
        search = Search(self._judge, self._accepts, self._costs, lambda: time.monotonic() < self._end)
        first = search.attempt(Mix(self._maker.settings[0]))
        note = ""
        if first.judgement.verdict == "failed":
            note = self._hopeless()
        if first.judgement.verdict == "failed" and not note:
            found = search.run(self._maker.settings, self._rank)
            note = f"stopped after {self._recipe.search_minutes:g} minutes" if found.out_of_time else ""
        else:
            found = Found(first if self._accepts(first.judgement) else None, (first,), False)
        chosen = found.best or min(found.attempts, key=lambda attempt: attempt.judgement.drop)
        self._hold(chosen.mix)
        return EngineOutcome(
            engine=self._maker.engine,
            chosen=chosen,
            accepted=found.best is not None,
            attempts=found.attempts,
            sensitivity=self._sensitivity,
            others=tuple(self._judgement(metric, chosen.mix) for metric in self._metrics[1:]),
            note=note,
        )

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
        return sorted(self._costs, key=lambda name: -self._sensitivity.get(name, 0.0) / self._costs[name])

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
