"""Recompute on this machine what a bundle promises: the hash of every file, token ids, outputs."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from edgebert.answerer import Answerer
from edgebert.bundle import GOLDEN, open_bundle
from edgebert.classifier import Classifier
from edgebert.engines import Floats
from edgebert.errors import BundleError, VerifyError
from edgebert.golden import Golden, model_outputs, parse_golden, token_ids
from edgebert.loader import load_bundle
from edgebert.models import Model


@dataclasses.dataclass(frozen=True)
class Verification:
    """What was found to be right."""

    engine: str
    files: int  # whose hash was recomputed
    texts: int  # whose ids and outputs were recomputed
    tokens: int  # compared exactly
    outputs: int  # numbers compared
    largest_difference: float  # of an output from its golden value
    tolerance: float


def verify(path: str | os.PathLike[str], engine: str | None = None, threads: int = 1) -> Verification:
    """Check a bundle on this machine; the arguments are those of `edgebert.load`.

    Raises:
        VerifyError: the first token id that differs, or the first output that is further off than the tolerance.
        BundleError: a file is missing or was changed, or there are no golden answers for the engine.
        EngineError: the engine does not exist or cannot run this bundle.
    """
    bundle = open_bundle(path)
    for name in bundle.manifest.files:
        bundle.file(name)
    golden = parse_golden(bundle.json(GOLDEN), str(bundle.path / GOLDEN))
    model = load_bundle(bundle, engine, threads)
    found = compare(model, golden, bundle.manifest.tolerance[model.session.engine])
    return dataclasses.replace(found, files=len(bundle.manifest.files))


def compare(model: Model, golden: Golden, tolerance: float) -> Verification:
    """Compare what a model answers with golden answers; no file is checked.

    Raises:
        VerifyError: the first token id that differs, or the first output that is further off than the tolerance.
        BundleError: there are no golden answers for the model's engine.
    """
    used = model.session.engine
    if used not in golden.outputs:
        raise BundleError(f"{GOLDEN} has no outputs of engine {used!r}: export the bundle again")
    _check_task(model, golden)
    tokens = _compare_ids(model, golden)
    found = model_outputs(model, golden.texts)
    largest = _compare_outputs(found, golden.outputs[used], tolerance)
    return Verification(
        engine=used,
        files=0,
        texts=len(golden.texts),
        tokens=tokens,
        outputs=sum(own.size for own in found),
        largest_difference=largest,
        tolerance=tolerance,
    )


def _check_task(model: Model, golden: Golden) -> None:
    pairs = sum(not isinstance(text, str) for text in golden.texts)
    task = model.manifest.task
    if isinstance(model, Answerer) and pairs < len(golden.texts):
        raise BundleError(f"{GOLDEN} holds single texts, the task {task!r} takes pairs of texts: export again")
    if pairs and not isinstance(model, (Answerer, Classifier)):
        raise BundleError(f"{GOLDEN} holds {pairs} pairs of texts, the task {task!r} takes single texts: export again")


def _compare_ids(model: Model, golden: Golden) -> int:
    for index, (text, expected) in enumerate(zip(golden.texts, golden.input_ids, strict=True)):
        found = token_ids(model, text)
        if found == expected:
            continue
        if len(found) != len(expected):
            raise VerifyError(f"text {index} has {len(found)} tokens, expected {len(expected)}: the tokenizer differs")
        at = next(at for at in range(len(found)) if found[at] != expected[at])
        raise VerifyError(f"text {index}, token {at} is id {found[at]}, expected {expected[at]}: the tokenizer differs")
    return sum(map(len, golden.input_ids))


def _compare_outputs(found: Sequence[Floats], golden: Sequence[Sequence[float]], tolerance: float) -> float:
    """Return the largest difference of an output from its golden value."""
    largest = 0.0
    for text, (own, row) in enumerate(zip(found, golden, strict=True)):
        if own.size != len(row):
            raise BundleError(f"{GOLDEN}: the output of text {text} has {len(row)} numbers, the model gives {own.size}")
        values, expected = own.reshape(-1), np.array(row, np.float32)
        differences = np.abs(values.astype(np.float64) - expected)
        wrong = np.flatnonzero(~(differences <= tolerance))  # a NaN is wrong
        if len(wrong):
            at = int(wrong[0])
            raise VerifyError(
                f"text {text}, output {at} is {values[at]}, expected {expected[at]} within {tolerance}: "
                "this machine or its engine computes something else, do not trust its answers"
            )
        largest = max(largest, float(differences.max(initial=0.0)))
    return largest
