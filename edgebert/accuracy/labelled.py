"""Texts with what people expect, from a file: labels to classify, or scores of how alike two texts are."""

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from edgebert.accuracy.evaluation import Evaluation
from edgebert.accuracy.metrics import (
    ACCURACY,
    EXACT_SETS,
    MACRO_F1,
    MACRO_F1_OF_SETS,
    SPEARMAN,
    Marks,
    Metric,
)
from edgebert.classifier import Classifier
from edgebert.encoder import Encoder
from edgebert.errors import InputError
from edgebert.golden import Text
from edgebert.lines import Row
from edgebert.manifest import ClassifyHead, EmbedHead
from edgebert.models import Model
from edgebert.rows import read_rows

_PAIRS = (("text", "text_pair"), ("text_a", "text_b"))
_THRESHOLD = 0.5  # of the score of a label, where a text may have several
_SHOWN = 5

_Expected = TypeVar("_Expected")


def read_labelled(source: str, head: EmbedHead | ClassifyHead) -> Evaluation:
    """Read what a model with this head is held to.

    Rows have the columns ``text``, or ``text`` and ``text_pair``, or ``text_a`` and ``text_b``. To classify: ``label``,
    a label of the model or its number; ``labels``, a list of them, where a text may have several; ``score`` for
    regression. To embed: two texts and their ``score``.

    Args:
        source: a file or data set, as `edgebert.rows.read_rows` takes it.
        head: what the model answers.

    Raises:
        InputError: the source cannot be read, a column is missing, or a label is not the model's.
    """
    if isinstance(head, EmbedHead):
        return _similarity(source)
    if head.problem_type == "regression":
        return _regression(source)
    if head.problem_type == "multi_label_classification" or len(head.labels) == 1:
        return _label_sets(source, head.labels)
    return _labels(source, head.labels)


def _labels(source: str, labels: Sequence[str]) -> Evaluation:
    numbers = {label: number for number, label in enumerate(labels)}
    texts, expected = _read(source, lambda row: _number_of(row, _value(row, "label"), numbers))

    def mark(model: Model) -> Marks:
        scores = cast("Classifier", model).scores(texts, return_truncated=True)[0]
        return np.column_stack([expected, scores.argmax(axis=1)]).astype(np.float64)

    return _evaluation(source, texts, expected, (ACCURACY, MACRO_F1), mark)


def _label_sets(source: str, labels: Sequence[str]) -> Evaluation:
    numbers = {label: number for number, label in enumerate(labels)}
    texts, sets = _read(source, lambda row: _set_of(row, numbers))
    expected = np.zeros((len(texts), len(labels)))
    for row, chosen in zip(expected, sets, strict=True):
        row[list(chosen)] = 1

    def mark(model: Model) -> Marks:
        scores = cast("Classifier", model).scores(texts, return_truncated=True)[0]
        return np.hstack([expected, scores >= _THRESHOLD])

    return _evaluation(source, texts, sets, (MACRO_F1_OF_SETS, EXACT_SETS), mark)


def _regression(source: str) -> Evaluation:
    texts, expected = _read(source, lambda row: _real(row, "score"))

    def mark(model: Model) -> Marks:
        scores = cast("Classifier", model).scores(texts, return_truncated=True)[0]
        return np.column_stack([expected, scores[:, 0]]).astype(np.float64)

    return _evaluation(source, texts, expected, (SPEARMAN,), mark)


def _similarity(source: str) -> Evaluation:
    pairs, expected = _read(source, lambda row: _real(row, "score"))
    if not all(isinstance(pair, tuple) for pair in pairs):
        raise InputError(f"{source} holds single texts: to judge vectors give text_a, text_b and score")
    singles = list(dict.fromkeys(text for pair in pairs for text in pair))
    places = {text: place for place, text in enumerate(singles)}
    firsts, seconds = ([places[pair[side]] for pair in pairs] for side in (0, 1))

    def mark(model: Model) -> Marks:
        vectors = cast("Encoder", model).encode(singles, normalize_embeddings=True, return_truncated=True)[0]
        wide = vectors.astype(np.float64)
        return np.column_stack([expected, (wide[firsts] * wide[seconds]).sum(axis=1)])

    return _evaluation(source, pairs, expected, (SPEARMAN,), mark)


def _evaluation(
    source: str,
    texts: Sequence[Text],
    expected: Sequence[object],
    metrics: tuple[Metric, ...],
    mark: Callable[[Model], Marks],
) -> Evaluation:
    digest = hashlib.sha256()
    for text, wanted in zip(texts, expected, strict=True):
        digest.update(f"{text!r} {wanted!r}\n".encode("utf-8", "surrogatepass"))
    name = source if source.startswith("hub:") else Path(source).name
    return Evaluation(name, digest.hexdigest(), metrics, mark)


def _read(source: str, expect: Callable[[Row], _Expected]) -> tuple[list[Text], list[_Expected]]:
    texts: list[Text] = []
    expected: list[_Expected] = []
    for row in read_rows(source):
        texts.append(_text(row))
        expected.append(expect(row))
        if isinstance(texts[-1], str) is not isinstance(texts[0], str):
            raise InputError(f"{row.where}: some rows hold one text and some two: give pairs only or single texts only")
    if not texts:
        raise InputError(f"{source} holds no text: give at least one")
    return texts, expected


def _text(row: Row) -> Text:
    for first, second in _PAIRS:
        if first in row.values and second in row.values:
            return _string(row, first), _string(row, second)
    return _string(row, "text")


def _string(row: Row, column: str) -> str:
    value = _value(row, column)
    if not isinstance(value, str):
        raise InputError(f"{row.where}: column {column!r} is of type {type(value).__name__}, not a text")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InputError(f"{row.where}: column {column!r} holds half of a surrogate pair, which is no text")
    return value


def _value(row: Row, column: str) -> object:
    if column not in row.values:
        found = ", ".join(repr(name) for name in list(row.values)[:8]) or "none"
        raise InputError(f"{row.where}: there is no column {column!r}, only {found}: name it so")
    return row.values[column]


def _real(row: Row, column: str) -> float:
    value = _value(row, column)
    try:
        number = float(cast("str", value)) if isinstance(value, (int, float, str)) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise InputError(f"{row.where}: {column} is {str(value)[:40]!r}: give a number")
    return number


def _set_of(row: Row, numbers: dict[str, int]) -> tuple[int, ...]:
    value = _value(row, "labels")
    if not isinstance(value, list):
        raise InputError(f"{row.where}: labels is of type {type(value).__name__}: give a list, in .jsonl or .parquet")
    return tuple(sorted({_number_of(row, label, numbers) for label in value}))


def _number_of(row: Row, label: object, numbers: dict[str, int]) -> int:
    """Return the number of a label that is given as the text of the model, or as its number."""
    if isinstance(label, str) and label in numbers:
        return numbers[label]
    digits = label if isinstance(label, int) and not isinstance(label, bool) else _whole(label)
    if digits is not None and 0 <= digits < len(numbers):
        return digits
    known = ", ".join(repr(name) for name in list(numbers)[:_SHOWN])
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    raise InputError(f"{row.where}: the model does not know the label {str(label)[:60]!r}: it has {known}{more}")


def _whole(label: object) -> int | None:
    """Read the number of a label in a table, where everything is a text."""
    return int(label) if isinstance(label, str) and label.isascii() and label.isdecimal() and len(label) < 10 else None
