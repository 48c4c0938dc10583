"""Exact match of answers to questions, as SQuAD counts it.

Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016, and its evaluation script:
case, punctuation, the articles a, an and the, and extra white space do not count.
"""

import re
import string
from collections.abc import Sequence

import numpy as np

from edgebert.accuracy.metrics import Marks

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def plain_answer(answer: str) -> str:
    """Return what counts of an answer."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def answer_marks(expected: Sequence[Sequence[str]], found: Sequence[str]) -> Marks:
    """Return the marks of `metrics.EXACT_MATCH`.

    Args:
        expected: of each question its right answers; none where the text does not have the answer.
        found: of each question the answer of a model; empty where it gave none.
    """
    rows = [
        plain_answer(given) in {plain_answer(answer) for answer in wanted or [""]}
        for wanted, given in zip(expected, found, strict=True)
    ]
    return np.array(rows, np.float64)[:, None]
