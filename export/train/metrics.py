"""Metrics of the tasks, from predictions and what was expected."""

import collections
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgebert.accuracy.answers import plain_answer
from edgebert.accuracy.entities import entity_marks
from edgebert.accuracy.metrics import ENTITY_F1, MACRO_F1, SPEARMAN

Floats = npt.NDArray[np.floating]


def accuracy(found: npt.NDArray[np.integer], expected: npt.NDArray[np.integer]) -> float:
    """Return the share of equal labels."""
    return float(np.mean(found == expected))


def f1(right: int, found: int, expected: int) -> float:
    """Return the harmonic mean of precision and recall from counts; 1 where nothing was expected and nothing found."""
    return 1.0 if found + expected == 0 else 2 * right / (found + expected)


def macro_f1(found: npt.NDArray[np.integer], expected: npt.NDArray[np.integer]) -> float:
    """Return the mean F1 of all labels that were expected or found."""
    return MACRO_F1.score(np.column_stack([expected, found]).astype(np.float64))


def entity_f1(found: Sequence[Sequence[str]], expected: Sequence[Sequence[str]]) -> float:
    """Return the F1 over exact entities of all sentences."""
    return ENTITY_F1.score(entity_marks(expected, found))


def answer_scores(found: str, expected: Sequence[str]) -> tuple[float, float]:
    """Return exact match and word F1 of an answer, the best over the expected ones; "" where none is expected."""
    words = plain_answer(found).split()
    pairs = [(words, plain_answer(text).split()) for text in (expected or [""])]
    exact = max(float(ours == theirs) for ours, theirs in pairs)
    overlap = max(
        f1(sum((collections.Counter(ours) & collections.Counter(theirs)).values()), len(ours), len(theirs))
        for ours, theirs in pairs
    )
    return exact, overlap


def pearson(first: Floats, second: Floats) -> float:
    """Return the linear correlation, 0 where one of them is constant."""
    a, b = first - first.mean(), second - second.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0


def spearman(first: Floats, second: Floats) -> float:
    """Return the correlation of ranks, 0 where one of them is constant."""
    return float(np.nan_to_num(SPEARMAN.score(np.column_stack([first, second]).astype(np.float64))))
