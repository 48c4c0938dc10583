"""Texts to classify, with one label, several labels or a value each."""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import numpy as np

from edgebert.accuracy.columns import label_number, list_in, number_in, record_in, value_in
from edgebert.accuracy.evaluation import Evaluation, Labelled, evaluation_of, read_pairs
from edgebert.accuracy.metrics import ACCURACY, EXACT_SETS, MACRO_F1, MACRO_F1_OF_SETS, SPEARMAN, Marks
from edgebert.classifier import Classifier
from edgebert.engines import Floats
from edgebert.errors import InputError
from edgebert.lines import Row
from edgebert.models import Model
from edgebert.texts import Record

_THRESHOLD = 0.5  # of the score of a label, where a text may have several

_Expected = TypeVar("_Expected")


def single_labels(data: Labelled, labels: Sequence[str]) -> Evaluation:
    """Read texts with a "label" each: accuracy, and macro F1 beside it."""
    numbers = {label: number for number, label in enumerate(labels)}
    texts, expected = _read(data, lambda row: label_number(row, value_in(row, "label"), numbers))

    def mark(model: Model) -> Marks:
        return np.column_stack([expected, _scores(model, texts).argmax(axis=1)]).astype(np.float64)

    return evaluation_of(data, texts, expected, (ACCURACY, MACRO_F1), mark)


def label_sets(data: Labelled, labels: Sequence[str]) -> Evaluation:
    """Read texts with a list of "labels" each: macro F1, and the share of sets that are right beside it."""
    numbers = {label: number for number, label in enumerate(labels)}
    texts, sets = _read(
        data, lambda row: sorted({label_number(row, label, numbers) for label in list_in(row, "labels")})
    )
    expected = np.zeros((len(texts), len(labels)))
    for row, chosen in zip(expected, sets, strict=True):
        row[chosen] = 1

    def mark(model: Model) -> Marks:
        return np.hstack([expected, _scores(model, texts) >= _THRESHOLD])

    return evaluation_of(data, texts, sets, (MACRO_F1_OF_SETS, EXACT_SETS), mark)


def values(data: Labelled) -> Evaluation:
    """Read texts with a "score" each: its rank correlation with the model's value."""
    texts, expected = _read(data, lambda row: number_in(row, "score"))

    def mark(model: Model) -> Marks:
        return np.column_stack([expected, _scores(model, texts)[:, 0]]).astype(np.float64)

    return evaluation_of(data, texts, expected, (SPEARMAN,), mark)


def _scores(model: Model, texts: Sequence[Record]) -> Floats:
    return cast("Classifier", model).scores(texts, return_truncated=True)[0]


def _read(data: Labelled, expect: Callable[[Row], _Expected]) -> tuple[list[Record], list[_Expected]]:
    first: list[Record] = []

    def take(row: Row) -> tuple[Record, _Expected]:
        record = record_in(row)
        first.append(record) if not first else None
        if isinstance(record, str) is not isinstance(first[0], str):
            raise InputError(f"{row.where}: some rows hold one text and some two: give pairs only or single texts only")
        return record, expect(row)

    return read_pairs(data, take)
