"""Hold a draft to what it may lose, engine by engine."""

import dataclasses
from collections.abc import Sequence

from edgebert.accuracy.agreement import agreement
from edgebert.accuracy.evaluation import Evaluation
from edgebert.bundle import Bundle, model_file
from edgebert.calibration import Sample
from edgebert.errors import GateError
from edgebert.export.gate.engine import EngineGate, Progress
from edgebert.export.gate.outcome import Outcome, numbers, rounded
from edgebert.export.gate.words import refusal
from edgebert.export.mix import Maker
from edgebert.export.recipe import Recipe
from edgebert.export.texts import ExportTexts
from edgebert.loader import load_bundle
from edgebert.manifest import Manifest


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
    learned = held_to.count_of(texts.smoothing)
    if learned and evaluation is not None:
        progress(f"{learned} of the {len(held_to.inputs)} texts of --evaluate are among those that INT8 learns from")
    marks = held_to.mark(baseline)
    outcomes = []
    for maker in makers:
        gate = EngineGate(draft, maker, held_to, marks, recipe, samples, progress)
        outcomes.append(gate.run())
        draft = gate.draft
    refused = [refusal(outcome) for outcome in outcomes if not outcome.accepted]
    if refused:
        raise GateError(f"the release gate is closed and nothing was written: {'; '.join(refused)}")
    found = Outcome(held_to.source, held_to.sha256, learned, tuple(outcomes))
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
