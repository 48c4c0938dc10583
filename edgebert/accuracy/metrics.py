"""Metrics, cut in two so that texts can be drawn again and again without asking the model again.

Each text gets its marks by itself: numbers that say what was expected and what was found. A metric is a number made of
the marks of any number of texts.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Marks = npt.NDArray[np.float64]  # [texts, columns]
Flags = npt.NDArray[np.bool_]  # [texts]
Counts = npt.NDArray[np.int64]  # [labels]

NO_LABEL = -1.0


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric that is better the greater it is.

    Attributes:
        name: as reports show it.
        score: makes it of marks; 1 is the best there is.
        correct: says which texts are answered right; None where an answer is no more than nearly right.
        wrong: marks of the same texts as if all of them were answered wrongly; None as with ``correct``.
        is_share: whether ``score`` is the share of texts that are ``correct``.
    """

    name: str
    score: Callable[[Marks], float]
    correct: Callable[[Marks], Flags] | None = None
    wrong: Callable[[Marks], Marks] | None = None
    is_share: bool = False


def _equal(marks: Marks) -> Flags:
    equal: Flags = marks[:, 0] == marks[:, 1]
    return equal


def _other_label(marks: Marks) -> Marks:
    return np.column_stack([marks[:, 0], np.full(len(marks), NO_LABEL)])


def _macro_f1(marks: Marks) -> float:
    """Return the mean of 2 tp / (expected + found) over the labels that were expected or found."""
    expected, found = marks.astype(np.int64).T
    size = int(marks.max()) + 1
    hits = np.bincount(expected[expected == found], minlength=size)
    counts = np.bincount(expected, minlength=size) + np.bincount(found[found >= 0], minlength=size)
    return _mean_f1(hits, counts)


def _halves(marks: Marks) -> tuple[Flags, Flags]:
    """Split marks into the sets of labels that were expected and found, bool [texts, labels] each."""
    labels = marks.shape[1] // 2
    return marks[:, :labels] > 0, marks[:, labels:] > 0


def _same_sets(marks: Marks) -> Flags:
    expected, found = _halves(marks)
    same: Flags = (expected == found).all(axis=1)
    return same


def _complements(marks: Marks) -> Marks:
    expected, _ = _halves(marks)
    return np.hstack([expected, ~expected]).astype(np.float64)


def _macro_f1_of_sets(marks: Marks) -> float:
    expected, found = _halves(marks)
    return _mean_f1((expected & found).sum(axis=0), expected.sum(axis=0) + found.sum(axis=0))


def _mean_f1(hits: Counts, counts: Counts) -> float:
    """Return the mean of 2 tp / (expected + found) over the labels that occur; 1 where none does.

    It is what scikit-learn calls macro, of the labels that are on either side.

    Args:
        hits: how often each label was found where it was expected, [labels].
        counts: how often it was expected and how often found, together.
    """
    occurs = counts > 0
    return float(np.mean(2 * hits[occurs] / counts[occurs])) if occurs.any() else 1.0


def _spearman(marks: Marks) -> float:
    """Return the correlation of ranks, ties at the mean of their ranks.

    It is NaN where what is expected never varies, and 0 where what was found does not: that orders nothing.
    """
    expected, found = (_ranks(column) for column in marks.T)
    expected, found = expected - expected.mean(), found - found.mean()
    if not expected.any():
        return float("nan")
    return float(expected @ found / np.sqrt((expected @ expected) * (found @ found))) if found.any() else 0.0


def _ranks(values: Marks) -> Marks:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Marks = (ends - (counts - 1) / 2)[places]
    return ranks


def _entity_f1(marks: Marks) -> float:
    """Return 2 tp / (expected + found) over all entities; 1 where there is none on either side."""
    hits, found, expected = marks.sum(axis=0)
    return float(2 * hits / (found + expected)) if found + expected else 1.0


def _all_entities(marks: Marks) -> Flags:
    return _columns_equal(marks, 0, 1) & _columns_equal(marks, 0, 2)


def _columns_equal(marks: Marks, first: int, second: int) -> Flags:
    equal: Flags = marks[:, first] == marks[:, second]
    return equal


def _no_entity(marks: Marks) -> Marks:
    """Turn each sentence into one whose entities were missed, or in which one was seen where there is none."""
    expected = marks[:, 2]
    return np.column_stack([np.zeros(len(marks)), expected == 0, expected]).astype(np.float64)


def _right(marks: Marks) -> Flags:
    right: Flags = marks[:, 0] == 1
    return right


def _none_right(marks: Marks) -> Marks:
    return np.zeros_like(marks)


def _share(correct: Callable[[Marks], Flags]) -> Callable[[Marks], float]:
    return lambda marks: float(correct(marks).mean())


# marks: the numbers of the expected and of the found label
ACCURACY = Metric("accuracy", _share(_equal), _equal, _other_label, is_share=True)
MACRO_F1 = Metric("macro F1", _macro_f1, _equal, _other_label)

# marks: for each label whether it was expected, then for each label whether it was found
MACRO_F1_OF_SETS = Metric("macro F1", _macro_f1_of_sets, _same_sets, _complements)
EXACT_SETS = Metric("accuracy of label sets", _share(_same_sets), _same_sets, _complements, is_share=True)

# marks: the expected and the found number
SPEARMAN = Metric("Spearman", _spearman)

# marks: entities that are right, that were found, that were expected
ENTITY_F1 = Metric("entity F1", _entity_f1, _all_entities, _no_entity)

# marks: 1 where the text is answered right
EXACT_MATCH = Metric("exact match", _share(_right), _right, _none_right, is_share=True)
AGREEMENT = Metric("agreement with FP32", _share(_right), _right, _none_right, is_share=True)

# marks: the cosine to the FP32 vector; NaN where a vector is not finite
COSINE = Metric("cosine to FP32", lambda marks: float(np.nan_to_num(marks[:, 0]).mean()))
