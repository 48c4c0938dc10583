"""Vectors as jsonl, csv or npy."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from edgebert.batching import Flags
from edgebert.cli.options import VectorFormat
from edgebert.cli.outputs import csv_line, json_text, opened_output
from edgebert.engines import Floats

_NPY_HEADER = 128  # bytes, magic string included; holds any count of rows
_COPY = 1 << 20  # bytes


class VectorWriter(Protocol):
    """Writes vectors as they come."""

    def write(self, texts: Sequence[str], vectors: Floats, truncated: Flags) -> None:
        """Write vectors [texts, dimension]."""
        ...

    def finish(self) -> None:
        """Write what can only be known at the end."""
        ...


class JsonlVectors:
    """A JSON object a text: text, vector, truncated."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, texts: Sequence[str], vectors: Floats, truncated: Flags) -> None:
        """See `VectorWriter`."""
        for text, vector, cut in zip(texts, vectors, truncated, strict=True):
            numbers = ", ".join(map(str, vector))
            line = f'{{"text": {json_text(text)}, "vector": [{numbers}], "truncated": {json_text(bool(cut))}}}\n'
            self._file.write(line.encode())

    def finish(self) -> None:
        """Nothing is left to write."""


class CsvVectors:
    """Columns text, v0, v1, ..., truncated."""

    def __init__(self, file: BinaryIO, dimension: int) -> None:
        self._file = file
        self._file.write(csv_line(["text", *(f"v{at}" for at in range(dimension)), "truncated"]))

    def write(self, texts: Sequence[str], vectors: Floats, truncated: Flags) -> None:
        """See `VectorWriter`."""
        for text, vector, cut in zip(texts, vectors, truncated, strict=True):
            self._file.write(csv_line([text, *map(str, vector), json_text(bool(cut))]))

    def finish(self) -> None:
        """Nothing is left to write."""


class NpyVectors:
    """One float32 array [texts, dimension]."""

    def __init__(self, file: BinaryIO, body: BinaryIO, dimension: int) -> None:
        """Write to ``body``, which can seek because the header needs the number of rows, and at last to ``file``."""
        self._file = file
        self._body = body
        self._dimension = dimension
        self._rows = 0
        self._body.write(self._header())

    def write(self, texts: Sequence[str], vectors: Floats, truncated: Flags) -> None:
        """See `VectorWriter`."""
        self._body.write(vectors.astype("<f4").tobytes())
        self._rows += len(vectors)

    def finish(self) -> None:
        """Write the header again, now with the number of rows."""
        self._body.seek(0)
        self._body.write(self._header())
        if self._body is not self._file:
            self._body.seek(0)
            shutil.copyfileobj(self._body, self._file, _COPY)

    def _header(self) -> bytes:
        """Return version 1.0 of the header that numpy.lib.format describes, always of the same length."""
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({self._rows}, {self._dimension}), }}"
        length = _NPY_HEADER - 10
        return b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + header.ljust(length - 1).encode() + b"\n"


@contextlib.contextmanager
def vector_writer(path: Path | None, kind: VectorFormat, dimension: int) -> Iterator[VectorWriter]:
    """Open an output for vectors; errors are those of `opened_output`."""
    with opened_output(path) as file, contextlib.ExitStack() as stack:
        writer: VectorWriter
        if kind is VectorFormat.npy:
            # stdout may be a pipe, or a file that others append to
            in_place = path is not None and file.seekable()
            body = file if in_place else stack.enter_context(tempfile.TemporaryFile())
            writer = NpyVectors(file, body, dimension)
        elif kind is VectorFormat.csv:
            writer = CsvVectors(file, dimension)
        else:
            writer = JsonlVectors(file)
        yield writer
        writer.finish()
