"""Metrics of the tasks, from predictions and what was expected."""

import collections
import re
import string
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Span = tuple[str, int, int]  # type, first word, word after the last

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def accuracy(found: npt.NDArray[np.integer], expected: npt.NDArray[np.integer]) -> float:
    """Return the share of equal labels."""
    return float(np.mean(found == expected))


def f1(right: int, found: int, expected: int) -> float:
    """Return the harmonic mean of precision and recall from counts; 1 where nothing was expected and nothing found."""
    return 1.0 if found + expected == 0 else 2 * right / (found + expected)


def macro_f1(found: npt.NDArray[np.integer], expected: npt.NDArray[np.integer], labels: int) -> float:
    """Return the mean F1 of all labels that occur."""
    scores = []
    for label in range(labels):
        counts = int((found == label).sum()), int((expected == label).sum())
        if counts[0] or counts[1]:
            scores.append(f1(int(((found == label) & (expected == label)).sum()), *counts))
    return float(np.mean(scores))


def entities(tags: Sequence[str]) -> set[Span]:
    """Return the entities of a sentence as IOB2 has them; an I- that continues nothing begins one, as in conlleval."""
    spans: set[Span] = set()
    start, kind = 0, ""
    for at, tag in enumerate([*tags, "O"]):
        inside = tag.startswith("I-") and tag[2:] == kind
        if kind and not inside:
            spans.add((kind, start, at))
        if not inside:
            start, kind = at, "" if tag == "O" else tag[2:]
    return spans


def entity_f1(found: Iterable[Sequence[str]], expected: Iterable[Sequence[str]]) -> float:
    """Return the F1 over exact entities of all sentences."""
    right = count_found = count_expected = 0
    for ours, theirs in zip(found, expected, strict=True):
        one, other = entities(ours), entities(theirs)
        right, count_found, count_expected = (
            right + len(one & other),
            count_found + len(one),
            count_expected + len(other),
        )
    return f1(right, count_found, count_expected)


def normalized_answer(text: str) -> list[str]:
    """Return the words of an answer as SQuAD's evaluation script compares them."""
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return _ARTICLES.sub(" ", kept).split()


def answer_scores(found: str, expected: Sequence[str]) -> tuple[float, float]:
    """Return exact match and word F1 of an answer, the best over the expected ones; "" where none is expected."""
    words = normalized_answer(found)
    pairs = [(words, normalized_answer(text)) for text in (expected or [""])]
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
    """Return the correlation of ranks; equal values share their mean rank."""
    return pearson(_ranks(first), _ranks(second))


def _ranks(values: Floats) -> npt.NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: npt.NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return mean
