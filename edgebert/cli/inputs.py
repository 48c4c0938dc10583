"""Where the texts of a verb come from: arguments, a file or stdin."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar, cast

from edgebert.cli.options import InputFormat
from edgebert.cli.words import UsageError
from edgebert.errors import InputError
from edgebert.texts import Record, TextFormat, read_records, read_texts, records_of, texts_of

_T = TypeVar("_T", str, Record)

_CHUNK_TEXTS = 512
_CHUNK_CHARACTERS = 8 << 20


def texts_from(
    arguments: list[str] | None, file: Path | None, input_format: InputFormat | None, column: str
) -> Iterator[str]:
    """Yield texts from where the user said.

    Raises:
        UsageError: texts and a file were given, or neither and stdin is a terminal.
        InputError: a text cannot be read.
    """
    kind = cast("TextFormat | None", input_format and input_format.value)
    if arguments:
        return iter(_checked_arguments(arguments, file))
    if _is_stdin(file):
        return texts_of(sys.stdin.buffer, "stdin", kind or "txt", column)
    return read_texts(cast("Path", file), kind, column)


def records_from(
    arguments: list[str] | None, file: Path | None, input_format: InputFormat | None, column: str | None
) -> Iterator[Record]:
    """Yield texts or pairs of texts from where the user said; with a column, only its texts. Errors as `texts_from`."""
    if arguments or column is not None:
        return texts_from(arguments, file, input_format, column or "text")
    kind = cast("TextFormat | None", input_format and input_format.value)
    if _is_stdin(file):
        return records_of(sys.stdin.buffer, "stdin", kind or "txt")
    return read_records(cast("Path", file), kind)


def questions_from(
    questions: list[str] | None, context: str | None, file: Path | None, input_format: InputFormat | None
) -> Iterator[Record]:
    """Yield pairs (question, context) from where the user said.

    Raises:
        UsageError: questions and a file were given, a question without a context, or nothing and stdin is a terminal.
        InputError: a row cannot be read or has no question and context.
    """
    if bool(questions) != (context is not None):
        raise UsageError("--question and --context go together: give both, or --file")
    if questions and context is not None:
        checked = _checked_arguments([*questions, context], file)
        return ((question, checked[-1]) for question in checked[:-1])
    if input_format is InputFormat.txt or (file is not None and file.suffix == ".txt" and input_format is None):
        raise UsageError("a .txt file has no columns question and context: give .jsonl, .csv or .tsv")
    default = InputFormat.jsonl if _is_stdin(file) else None
    return _only_pairs(records_from(None, file, input_format or default, None))


def _only_pairs(records: Iterator[Record]) -> Iterator[Record]:
    for number, record in enumerate(records, 1):
        if isinstance(record, str):
            raise InputError(f"row {number} is a single text: give the columns question and context")
        yield record


def chunks(texts: Iterator[_T]) -> Iterator[list[_T]]:
    """Yield the texts in lists that are small enough for memory.

    Raises:
        InputError: there is no text.
    """
    chunk: list[_T] = []
    characters = 0
    empty = True
    for text in texts:
        empty = False
        chunk.append(text)
        characters += len(text) if isinstance(text, str) else sum(map(len, text))
        if len(chunk) == _CHUNK_TEXTS or characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if empty:
        raise InputError("the input holds no text: give at least one")
    if chunk:
        yield chunk


def _checked_arguments(arguments: list[str], file: Path | None) -> list[str]:
    if file is not None:
        raise UsageError("texts and --file were given: give one of them")
    for number, text in enumerate(arguments, 1):
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise InputError(f"text {number} of the command line is not UTF-8: put it into a UTF-8 file")
    return arguments


def _is_stdin(file: Path | None) -> bool:
    if file is None and sys.stdin.isatty():
        raise UsageError("there is no text: give texts, --file FILE, or pipe them to stdin")
    return file is None or str(file) == "-"
