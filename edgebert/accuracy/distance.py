"""How far the answers of a model are from those of its FP32 baseline on the same texts."""

import dataclasses
from typing import cast

import numpy as np
import numpy.typing as npt

from edgebert.engines import Floats
from edgebert.manifest import ClassifyHead, EmbedHead

_TINY = 1e-30  # keeps the cosine of a zero vector at 0


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """Distance from the baseline; fields of the other task are None."""

    cosine_mean: float | None = None
    cosine_min: float | None = None
    agreement: float | None = None  # share of texts that get the same labels
    score_difference_mean: float | None = None  # absolute, over texts and labels
    score_difference_max: float | None = None


def compare(head: EmbedHead | ClassifyHead, found: Floats, baseline: Floats) -> Accuracy:
    """Compare answers with the baseline's: vectors [texts, dimension] or scores of all labels [texts, labels]."""
    if isinstance(head, ClassifyHead):
        return _labels(head, found, baseline)
    return _vectors(found, baseline)


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
    return found.argmax(axis=1) == baseline.argmax(axis=1)


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
