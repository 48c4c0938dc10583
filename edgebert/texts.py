"""Read texts from files or stdin one by one, so that a file larger than memory works.

Every reader takes UTF-8, with or without a byte order mark, and raises an InputError with file and line for what it
cannot read.

    txt     a text a line; lines end with LF or CRLF, and an empty line is an empty text
    csv     comma-separated with a header line; fields may be quoted and span lines
    tsv     tab-separated with a header line; quotes are ordinary characters
    jsonl   a JSON object a line; lines of white space are passed over
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast, get_args

from edgebert.errors import InputError
from edgebert.lines import Row, lines_of, open_binary, rows_of

TextFormat = Literal["txt", "csv", "tsv", "jsonl"]
Record = str | tuple[str, str]

_PAIRS = (("text", "text_pair"), ("text_a", "text_b"))


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
    """Yield texts, or pairs of texts where the file has columns "text" and "text_pair" or "text_a" and "text_b".

    The first row decides; arguments and errors are those of `read_texts`.
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
    if format == "txt":
        yield from (text for _, text in lines)
        return
    pair: tuple[str, str] | None = None
    for number, row in enumerate(rows_of(lines, name, format)):
        if number == 0:
            pair = next((names for names in _PAIRS if row.values.keys() >= set(names)), None)
        yield text_in(row, "text") if pair is None else (text_in(row, pair[0]), text_in(row, pair[1]))


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
