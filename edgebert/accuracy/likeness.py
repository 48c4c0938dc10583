"""Pairs of texts with a score of how alike people find them."""

from typing import cast

import numpy as np

from edgebert.accuracy.columns import number_in, record_in
from edgebert.accuracy.evaluation import Evaluation, Labelled, evaluation_of, read_pairs
from edgebert.accuracy.metrics import SPEARMAN, Marks
from edgebert.encoder import Encoder
from edgebert.errors import InputError
from edgebert.lines import Row
from edgebert.models import Model


def likeness(data: Labelled) -> Evaluation:
    """Read pairs with a "score" each: its rank correlation with the cosine of the vectors."""
    pairs, expected = read_pairs(data, lambda row: (_pair(row), number_in(row, "score")))
    singles = list(dict.fromkeys(text for pair in pairs for text in pair))
    places = {text: place for place, text in enumerate(singles)}
    firsts, seconds = ([places[pair[side]] for pair in pairs] for side in (0, 1))

    def mark(model: Model) -> Marks:
        vectors = cast("Encoder", model).encode(singles, normalize_embeddings=True, return_truncated=True)[0]
        wide = vectors.astype(np.float64)
        return np.column_stack([expected, (wide[firsts] * wide[seconds]).sum(axis=1)])

    return evaluation_of(data, pairs, expected, (SPEARMAN,), mark)


def _pair(row: Row) -> tuple[str, str]:
    record = record_in(row)
    if isinstance(record, str):
        raise InputError(f"{row.where}: there is one text: to judge vectors give text_a, text_b and score")
    return record
