"""Where the answers of a verb go, in which format."""

import contextlib
import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from edgebert.errors import InputError
from edgebert.files import new_file


@contextlib.contextmanager
def opened_output(path: Path | None) -> Iterator[BinaryIO]:
    """Open stdout, or a file that gets its name when the block ends well.

    Raises:
        InputError: the output cannot be written.
    """
    name = "stdout" if path is None else str(path)
    try:
        if path is None:
            with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as file:
                yield file
        elif path.exists() and not path.is_file():  # a device or a pipe must not be replaced by a file
            with path.open("wb") as file:
                yield file
        else:
            with new_file(path) as temporary, temporary.open("wb") as file:
                yield file
                file.flush()
    except OSError as error:  # readers and engines turn theirs into errors of edgebert, so this one comes from writing
        raise InputError(f"cannot write {name}: {error.strerror or error}") from error


def csv_line(fields: Sequence[str]) -> bytes:
    """Return one line of a csv file."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerow(fields)
    return buffer.getvalue().encode()


def json_text(value: object) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False)
