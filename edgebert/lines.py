"""Lines of text files, and the rows that they hold, one by one.

Everything is UTF-8, with or without a byte order mark; what cannot be read raises an InputError with file and line.
"""

import csv
import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Literal

from edgebert.errors import InputError

LINE_MAX = 16 << 20  # bytes; far more than any model reads of one text


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a data set: its values by column, and where it stands for messages, as ``file:line``."""

    where: str
    values: Mapping[str, object]


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


def lines_of(file: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line of an open file without its end; ``name`` is for messages."""
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


def rows_of(lines: Iterator[tuple[int, str]], name: str, format: Literal["csv", "tsv", "jsonl"]) -> Iterator[Row]:
    """Yield the rows that numbered lines hold."""
    if format == "jsonl":
        return _json_rows(lines, name)
    return _table_rows(lines, name, csv.QUOTE_NONE if format == "tsv" else csv.QUOTE_MINIMAL)


def _read_line(file: BinaryIO, where: str) -> bytes:
    try:
        return file.readline(LINE_MAX + 1)
    except OSError as error:
        raise InputError(f"cannot read {where}: {error.strerror}") from error


def _json_rows(lines: Iterator[tuple[int, str]], name: str) -> Iterator[Row]:
    for number, line in lines:
        if line.strip():
            where = f"{name}:{number}"
            yield Row(where, _json_object(line, where))


def _json_object(line: str, where: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid JSON: {error}") from error
    if not isinstance(row, dict):
        raise InputError(f"{where}: a {type(row).__name__} instead of a JSON object")
    return row


def _table_rows(lines: Iterator[tuple[int, str]], name: str, quoting: Literal[0, 3]) -> Iterator[Row]:
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
    for values in fields:
        if len(values) != len(header):
            raise InputError(
                f"{where()}: the row has {len(values)} fields, the header has {len(header)}: quote or add fields"
            )
        yield Row(where(), dict(zip(header, values, strict=True)))


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
