"""Take what is expected out of a row, or say in one line what is wrong with the row."""

import math
from collections.abc import Mapping
from typing import cast

from edgebert.errors import InputError
from edgebert.lines import Row
from edgebert.texts import TEXT_PAIRS, Record, text_in

_SHOWN = 5  # labels
_COLUMNS = 8
_WIDTH = 60  # characters of a value


def pair_columns(row: Row) -> tuple[str, str] | None:
    """Return the columns of a pair of texts, "text" and "text_pair" or "text_a" and "text_b", or None without one."""
    return next((names for names in TEXT_PAIRS if row.values.keys() >= set(names)), None)


def record_in(row: Row) -> Record:
    """Return the text of a row, or its pair of texts, see `pair_columns`."""
    pair = pair_columns(row)
    return text_in(row, "text") if pair is None else (text_in(row, pair[0]), text_in(row, pair[1]))


def value_in(row: Row, column: str) -> object:
    """Return what a row has in a column."""
    if column not in row.values:
        found = ", ".join(repr(name) for name in list(row.values)[:_COLUMNS]) or "an empty object"
        raise InputError(
            f"{row.where}: there is no column {column!r}, only {found}: name it so (training takes --columns "
            f"{column}=NAME)"
        )
    return row.values[column]


def list_in(row: Row, column: str) -> list[object]:
    """Return a list, which tables of text cannot hold."""
    value = value_in(row, column)
    if not isinstance(value, list):
        raise InputError(
            f"{row.where}: column {column!r} is of type {type(value).__name__}: give a list, in .jsonl or .parquet"
        )
    return value


def words_in(row: Row, column: str) -> list[str]:
    """Return a list of one text or more; some may be empty, as tokens that a cleaning left nothing of."""
    words = list_in(row, column)
    if not words:
        raise InputError(f"{row.where}: column {column!r} is empty: remove the row")
    if not all(isinstance(word, str) for word in words):
        raise InputError(f"{row.where}: column {column!r} must be a list of texts")
    return cast("list[str]", words)


def number_in(row: Row, column: str) -> float:
    """Return a finite number, which tables hold as a text."""
    value = value_in(row, column)
    try:
        number = math.nan if isinstance(value, bool) else float(cast("float | str", value))
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{row.where}: column {column!r} is {repr(value)[:_WIDTH]}: give a number")
    return number


def label_number(row: Row, label: object, numbers: Mapping[str, int]) -> int:
    """Return the number of a label that is given by the name that the model knows, or by its number.

    A name goes first, as a text or as the number 1 for "1": so is a label of ``edgebert finetune`` called.
    """
    name = str(label)
    if (isinstance(label, str) or type(label) is int) and name in numbers:
        return numbers[name]
    number = label if isinstance(label, int) and not isinstance(label, bool) else _whole(label)
    if number is not None and 0 <= number < len(numbers):
        return number
    known = ", ".join(repr(name) for name in list(numbers)[:_SHOWN])
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    raise InputError(f"{row.where}: the model does not know the label {str(label)[:_WIDTH]!r}: it has {known}{more}")


def _whole(label: object) -> int | None:
    """Read the number of a label in a table, where everything is a text."""
    return int(label) if isinstance(label, str) and label.isascii() and label.isdecimal() and len(label) < 10 else None
