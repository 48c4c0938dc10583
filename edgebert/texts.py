"""Read texts from files or stdin one by one, so that a file larger than memory works.

Every reader takes UTF-8, with or without a byte order mark, and raises an InputError with file and line for what it
cannot read.

    txt     a text a line; lines end with LF or CRLF, and an empty line is an empty text
    csv     comma-separated with a header line; fields may be quoted and span lines
    tsv     tab-separated with a header line; quotes are ordinary characters
    jsonl   a JSON object a line; lines of white space are passed over
"""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast, get_args

from edgebert.errors import InputError

TextFormat = Literal["txt", "csv", "tsv", "jsonl"]
Record = str | tuple[str, str]
Row = Callable[[str], str]  # gives the value of a column

LINE_MAX = 16 << 20  # bytes; far more than any model reads of one text
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
    lines = _lines(file, name)
    if format == "txt":
        yield from (text for _, text in lines)
        return
    for _, get in _rows(lines, name, format):
        yield get(column)


def records_of(file: BinaryIO, name: str, format: TextFormat) -> Iterator[Record]:
    """Yield the texts or pairs of an open file; ``name`` is for messages."""
    lines = _lines(file, name)
    if format == "txt":
        yield from (text for _, text in lines)
        return
    pair: tuple[str, str] | None = None
    for number, (columns, get) in enumerate(_rows(lines, name, format)):
        if number == 0:
            pair = next((names for names in _PAIRS if set(names) <= columns), None)
        yield get("text") if pair is None else (get(pair[0]), get(pair[1]))


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        InputError: it is missing, a folder, or may not be read.
    """
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read {path}: {reason}") from error


def _lines(file: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line without its end."""
    number = 0
    while raw := _read_line(file, f"{name}:{number + 1}"):
        number += 1
        if len(raw) > LINE_MAX:
            raise InputError(f"{name}:{number}: the line is longer than {LINE_MAX >> 20} MiB: split the text")
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}:{number}: byte {error.start + 1} of the line is not UTF-8: convert the file to UTF-8"
            ) from error
        yield number, text.removesuffix("\n").removesuffix("\r")


def _read_line(file: BinaryIO, where: str) -> bytes:
    try:
        return file.readline(LINE_MAX + 1)
    except OSError as error:
        raise InputError(f"cannot read {where}: {error.strerror}") from error


def _rows(lines: Iterator[tuple[int, str]], name: str, format: TextFormat) -> Iterator[tuple[set[str], Row]]:
    """Yield the columns of each row, and a function that gives the value of one of them."""
    if format == "jsonl":
        return _json_rows(lines, name)
    return _table_rows(lines, name, csv.QUOTE_NONE if format == "tsv" else csv.QUOTE_MINIMAL)


def _json_rows(lines: Iterator[tuple[int, str]], name: str) -> Iterator[tuple[set[str], Row]]:
    for number, line in lines:
        if line.strip():
            row = _json_object(line, f"{name}:{number}")
            yield set(row), _getter(row, f"{name}:{number}")


def _json_object(line: str, where: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid JSON: {error}") from error
    if not isinstance(row, dict):
        raise InputError(f"{where}: a {type(row).__name__} instead of a JSON object")
    return row


def _table_rows(lines: Iterator[tuple[int, str]], name: str, quoting: Literal[0, 3]) -> Iterator[tuple[set[str], Row]]:
    # the limit belongs to the whole process: raise it, never lower it
    csv.field_size_limit(max(csv.field_size_limit(), LINE_MAX))
    ended = (text + "\n" for _, text in lines)
    reader = csv.reader(ended, delimiter="\t" if quoting == csv.QUOTE_NONE else ",", quoting=quoting, strict=True)

    def where() -> str:
        return f"{name}:{reader.line_num}"

    fields = _checked(reader, where)
    header = next(fields, None)
    if header is None:
        return
    columns = set(header)
    for values in fields:
        if len(values) != len(header):
            raise InputError(
                f"{where()}: the row has {len(values)} fields, the header has {len(header)}: quote or add fields"
            )
        yield columns, _getter(dict(zip(header, values, strict=True)), where())


def _checked(reader: Iterator[list[str]], where: Callable[[], str]) -> Iterator[list[str]]:
    """Yield the rows that are not empty."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{where()}: not valid CSV: {error}") from error
        if row:
            yield row


def _getter(row: dict[str, object] | dict[str, str], where: str) -> Row:
    def get(column: str) -> str:
        if column not in row:
            raise InputError(
                f"{where}: there is no column {column!r}, only {_listed(row)}: name the column of the texts"
            )
        value = row[column]
        if not isinstance(value, str):
            raise InputError(f"{where}: column {column!r} is of type {type(value).__name__}, not a text")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise InputError(f"{where}: column {column!r} holds half of a surrogate pair, which is no text")
        return value

    return get


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in list(names)[:8]) or "an empty object"
