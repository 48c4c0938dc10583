"""How far the answers of a model are from those of its FP32 baseline on the same texts."""

import dataclasses
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from edgebert.engines import Floats
from edgebert.manifest import AnswerHead, ClassifyHead, EmbedHead, Head
from edgebert.spans import Spans, best_spans

_TINY = 1e-30  # keeps the cosine of a zero vector at 0
_ANSWER_TOKENS = 15  # longest answer, as `Answerer.answer` has it


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """Distance from the baseline; fields of another task are None."""

    cosine_mean: float | None = None
    cosine_min: float | None = None
    agreement: float | None = None  # share of texts with the same labels, tokens with the same label, or same answers
    score_difference_mean: float | None = None  # absolute, over all scores; of answers over the best one of each text
    score_difference_max: float | None = None


def compare(head: Head, found: Sequence[Floats], baseline: Sequence[Floats]) -> Accuracy:
    """Compare the outputs of `edgebert.golden.model_outputs` with the baseline's."""
    if isinstance(head, EmbedHead):
        return _vectors(np.stack(found), np.stack(baseline))
    if isinstance(head, ClassifyHead):
        return _labels(head, np.stack(found), np.stack(baseline))
    if isinstance(head, AnswerHead):
        return _answers(found, baseline)
    return _tags(np.concatenate(found), np.concatenate(baseline))


def cosines(found: Floats, baseline: Floats) -> npt.NDArray[np.float64]:
    """Return the cosine of each row of two arrays [texts, dimension]."""
    a, b = found.astype(np.float64), baseline.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    found_cosines: npt.NDArray[np.float64] = (a * b).sum(axis=1) / np.maximum(norms, _TINY)
    return found_cosines


def same_labels(head: ClassifyHead, found: Floats, baseline: Floats) -> npt.NDArray[np.bool_]:
    """Say of which texts the best label, or the set of labels from 0.5, is the same; scores are [texts, labels]."""
    if head.problem_type == "multi_label_classification" or len(head.labels) == 1:
        return cast("npt.NDArray[np.bool_]", ((found >= 0.5) == (baseline >= 0.5)).all(axis=1))
    return same_tags(found, baseline)


def same_tags(found: Floats, baseline: Floats) -> npt.NDArray[np.bool_]:
    """Say of which tokens the best label is the same; scores are [tokens, labels]."""
    return cast("npt.NDArray[np.bool_]", found.argmax(axis=1) == baseline.argmax(axis=1))


def same_answers(found: Sequence[Floats], baseline: Sequence[Floats]) -> npt.NDArray[np.bool_]:
    """Say of which texts the best span is the same; a text without tokens has none."""
    spans = zip(map(_best, found), map(_best, baseline), strict=True)
    return np.array([own.place == expected.place for own, expected in spans], np.bool_)


def _vectors(found: Floats, baseline: Floats) -> Accuracy:
    near = cosines(found, baseline)
    return Accuracy(cosine_mean=float(near.mean()), cosine_min=float(near.min()))


def _labels(head: ClassifyHead, found: Floats, baseline: Floats) -> Accuracy:
    differences = np.abs(found.astype(np.float64) - baseline)
    mean, largest = float(differences.mean()), float(differences.max())
    if head.problem_type == "regression":
        return Accuracy(score_difference_mean=mean, score_difference_max=largest)
    same = same_labels(head, found, baseline)
    return Accuracy(agreement=float(same.mean()), score_difference_mean=mean, score_difference_max=largest)


def _tags(found: Floats, baseline: Floats) -> Accuracy:
    """Compare scores [tokens, labels]; special tokens are not among them."""
    if not len(found):
        return Accuracy()
    differences = np.abs(found.astype(np.float64) - baseline)
    return Accuracy(
        agreement=float(same_tags(found, baseline).mean()),
        score_difference_mean=float(differences.mean()),
        score_difference_max=float(differences.max()),
    )


def _answers(found: Sequence[Floats], baseline: Sequence[Floats]) -> Accuracy:
    """Compare the best span of each text."""
    scores = [(_best(own).score, _best(expected).score) for own, expected in zip(found, baseline, strict=True)]
    differences = np.array([abs(own - expected) for own, expected in scores])
    return Accuracy(
        agreement=float(same_answers(found, baseline).mean()),
        score_difference_mean=float(differences.mean()),
        score_difference_max=float(differences.max()),
    )


def _best(logits: Floats) -> Spans:
    return best_spans(logits, 1, _ANSWER_TOKENS)
