"""Read texts from files or stdin one by one, so that a file larger than memory works.

Every reader takes UTF-8, with or without a byte order mark, and raises an InputError with file and line for what it
cannot read.

    txt     a text a line; lines end with LF or CRLF, and an empty line is an empty text
    csv     comma-separated with a header line; fields may be quoted and span lines
    tsv     tab-separated with a header line; quotes are ordinary characters
    jsonl   a JSON object a line; lines of white space are passed over
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, cast, get_args

from edgebert.errors import InputError
from edgebert.lines import Row, lines_of, open_binary, rows_of

TextFormat = Literal["txt", "csv", "tsv", "jsonl"]
Record = str | tuple[str, str]

TEXT_PAIRS = (("text", "text_pair"), ("text_a", "text_b"))  # what the columns of two texts may be called
_PAIRS = (*TEXT_PAIRS, ("question", "context"))
# for texts that come without a question, in turn
_QUESTIONS = (
    "What is this about?",
    "Who is named here?",
    "When did it happen?",
    "Where is it?",
    "How many are there?",
    "Why was it done?",
)


def format_of(path: Path) -> TextFormat:
    """Return the format that the name of a file ends with; a name without an ending is "txt".

    Raises:
        InputError: the ending is none of the formats.
    """
    ending = path.suffix.lower().lstrip(".") or "txt"
    if ending in get_args(TextFormat):
        return cast("TextFormat", ending)
    raise InputError(
        f"{path} ends with .{ending}: rename it to one of .{', .'.join(get_args(TextFormat))}, or name its format"
    )


def read_texts(path: str | os.PathLike[str], format: TextFormat | None = None, column: str = "text") -> Iterator[str]:
    """Yield the texts of a file.

    Args:
        path: the file.
        format: its format; None goes by the ending of its name.
        column: which column or field holds the text.

    Raises:
        InputError: the file or one of its lines cannot be read; the message has the file and the line.
    """
    path = Path(path)
    kind = format_of(path) if format is None else format
    with open_binary(path) as file:
        yield from texts_of(file, str(path), kind, column)


def read_records(path: str | os.PathLike[str], format: TextFormat | None = None) -> Iterator[Record]:
    """Yield texts, or pairs of texts where the file has two columns for them.

    These are "text" and "text_pair", "text_a" and "text_b", or "question" and "context". The first row decides;
    arguments and errors are those of `read_texts`.
    """
    path = Path(path)
    kind = format_of(path) if format is None else format
    with open_binary(path) as file:
        yield from records_of(file, str(path), kind)


def texts_of(file: BinaryIO, name: str, format: TextFormat, column: str = "text") -> Iterator[str]:
    """Yield the texts of an open file; ``name`` is for messages."""
    lines = lines_of(file, name)
    if format == "txt":
        yield from (text for _, text in lines)
        return
    for row in rows_of(lines, name, format):
        yield text_in(row, column)


def records_of(file: BinaryIO, name: str, format: TextFormat) -> Iterator[Record]:
    """Yield the texts or pairs of an open file; ``name`` is for messages."""
    lines = lines_of(file, name)
    return (text for _, text in lines) if format == "txt" else records_in(rows_of(lines, name, format))


def records_in(rows: Iterable[Row], column: str | None = None) -> Iterator[Record]:
    """Yield the texts of a column; without one the pairs, or the texts of "text", as the first row has them."""
    pair: tuple[str, str] | None = None
    for number, row in enumerate(rows):
        if number == 0 and column is None:
            pair = next((names for names in _PAIRS if row.values.keys() >= set(names)), None)
        yield text_in(row, column or "text") if pair is None else (text_in(row, pair[0]), text_in(row, pair[1]))


def records_for(task: str, records: Iterable[Record]) -> tuple[Record, ...]:
    """Return texts as a task takes them.

    For "embed" and "tag" a pair becomes two texts; for "answer" a single text becomes the context of a plain question.
    """
    if task == "classify":
        return tuple(records)
    if task == "answer":
        return tuple(as_pairs(records))
    return tuple(dict.fromkeys(part for record in records for part in parts_of(record)))


def parts_of(record: Record) -> tuple[str, ...]:
    """Return the one text or the two that a record holds."""
    return (record,) if isinstance(record, str) else record


def parted_for(
    task: str, first: Iterable[Record], second: Iterable[Record]
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """Return two sets of texts as a task takes them; a text that is in both, taken out of pairs, stays in the first."""
    taken = records_for(task, first)
    known = set(taken)
    return taken, tuple(record for record in records_for(task, second) if record not in known)


def as_pairs(records: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Yield pairs; a single text becomes the context of a plain question."""
    for at, record in enumerate(records):
        yield (_QUESTIONS[at % len(_QUESTIONS)], record) if isinstance(record, str) else record


def single_texts(records: Sequence[Record]) -> list[str]:
    """Return records of which each is a text.

    Raises:
        InputError: one is a pair.
    """
    texts = [record for record in records if isinstance(record, str)]
    if len(texts) != len(records):
        raise InputError(f"{len(records) - len(texts)} of {len(records)} texts are pairs: give single texts")
    return texts


def paired_texts(records: Sequence[Record]) -> tuple[list[str], list[str]]:
    """Return the first and the second texts of records of which each is a pair.

    Raises:
        InputError: one is a single text.
    """
    pairs = [record for record in records if not isinstance(record, str)]
    if len(pairs) != len(records):
        raise InputError(f"{len(records) - len(pairs)} of {len(records)} texts are single: give pairs")
    return [first for first, _ in pairs], [second for _, second in pairs]


def text_in(row: Row, column: str) -> str:
    """Return the text that a row holds in a column.

    Raises:
        InputError: there is no such column, or its value is no text.
    """
    if column not in row.values:
        raise InputError(
            f"{row.where}: there is no column {column!r}, only {_listed(row.values)}: name the column of the texts"
        )
    value = row.values[column]
    if not isinstance(value, str):
        raise InputError(f"{row.where}: column {column!r} is of type {type(value).__name__}, not a text")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InputError(f"{row.where}: column {column!r} holds half of a surrogate pair, which is no text")
    return value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in list(names)[:8]) or "an empty object"
