"""Recompute on this machine what a bundle promises: the hash of every file, token ids, outputs."""

import dataclasses
import os

import numpy as np

from edgebert.bundle import GOLDEN, open_bundle
from edgebert.classifier import Classifier
from edgebert.encoder import Encoder
from edgebert.engines import Floats
from edgebert.errors import BundleError, VerifyError
from edgebert.golden import Golden, model_outputs, parse_golden, token_ids
from edgebert.loader import load_bundle


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


def compare(model: Encoder | Classifier, golden: Golden, tolerance: float) -> Verification:
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
    expected = _expected(model, golden)
    largest = _compare_outputs(model_outputs(model, golden.texts), expected, tolerance)
    return Verification(
        engine=used,
        files=0,
        texts=len(golden.texts),
        tokens=tokens,
        outputs=expected.size,
        largest_difference=largest,
        tolerance=tolerance,
    )


def _check_task(model: Encoder | Classifier, golden: Golden) -> None:
    pairs = sum(not isinstance(text, str) for text in golden.texts)
    if pairs and isinstance(model, Encoder):
        raise BundleError(f"{GOLDEN} holds {pairs} pairs of texts, the task 'embed' takes single texts: export again")


def _compare_ids(model: Encoder | Classifier, golden: Golden) -> int:
    for index, (text, expected) in enumerate(zip(golden.texts, golden.input_ids, strict=True)):
        found = token_ids(model, text)
        if found == expected:
            continue
        if len(found) != len(expected):
            raise VerifyError(f"text {index} has {len(found)} tokens, expected {len(expected)}: the tokenizer differs")
        at = next(at for at in range(len(found)) if found[at] != expected[at])
        raise VerifyError(f"text {index}, token {at} is id {found[at]}, expected {expected[at]}: the tokenizer differs")
    return sum(map(len, golden.input_ids))


def _expected(model: Encoder | Classifier, golden: Golden) -> Floats:
    rows = golden.outputs[model.session.engine]
    width = model.dimension if isinstance(model, Encoder) else len(model.labels)
    for index, row in enumerate(rows):
        if len(row) != width:
            raise BundleError(f"{GOLDEN}: the output of text {index} has {len(row)} numbers, the model gives {width}")
    return np.array(rows, np.float32)


def _compare_outputs(found: Floats, expected: Floats, tolerance: float) -> float:
    differences = np.abs(found.astype(np.float64) - expected)
    wrong = np.argwhere(~(differences <= tolerance))  # a NaN is wrong
    if len(wrong):
        text, at = (int(value) for value in wrong[0])
        raise VerifyError(
            f"text {text}, output {at} is {found[text, at]}, expected {expected[text, at]} within {tolerance}: "
            "this machine or its engine computes something else, do not trust its answers"
        )
    return float(differences.max(initial=0.0))
