"""Rows of a data set, one by one: a file, or a data set of the hub.

A row of .jsonl, .csv and .tsv stands at file:line. A row of .parquet, which needs pyarrow, stands at file:row from 1.
"hub:OWNER/NAME[/CONFIG][:SPLIT]" needs datasets; it is streamed, and the split is "train" unless named.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from edgebert.errors import InputError, MissingExtraError
from edgebert.lines import Row, lines_of, open_binary, rows_of

FORMATS = ("jsonl", "csv", "tsv", "parquet")

_HUB = re.compile(r"hub:(?P<name>[^/:\s]+(/[^/:\s]+)?)(/(?P<config>[^/:\s]+))?(:(?P<split>\S+))?")
_BATCH = 1024  # rows of a parquet file in memory at once


def read_rows(source: str | os.PathLike[str]) -> Iterator[Row]:
    """Yield the rows of a data set, whatever its size.

    Args:
        source: a file, by the ending of its name, or ``hub:...``.

    Raises:
        InputError: the source or one of its rows cannot be read; the message says where.
        MissingExtraError: what reads this kind of source is not installed.
    """
    if str(source).startswith("hub:"):
        yield from _hub_rows(str(source))
        return
    path = Path(source)
    ending = path.suffix.lower().lstrip(".")
    if ending not in FORMATS:
        raise InputError(f"{path} ends with none of .{', .'.join(FORMATS)}: rename it, or give hub:OWNER/NAME:SPLIT")
    with open_binary(path) as file:
        if ending == "parquet":
            yield from _parquet_rows(file, str(path))
        else:
            yield from rows_of(lines_of(file, str(path)), str(path), cast("Literal['csv', 'tsv', 'jsonl']", ending))


def is_source(text: str) -> bool:
    """Say whether a text names something that `read_rows` reads."""
    return text.startswith("hub:") or Path(text).suffix.lower().lstrip(".") in FORMATS


def _parquet_rows(file: Any, name: str) -> Iterator[Row]:  # noqa: ANN401  (an open file)
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "data") from error
    number = 0
    try:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(_BATCH):
            for values in batch.to_pylist():
                number += 1
                yield Row(f"{name}:{number}", values)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{name}:{number + 1}: not a valid parquet file: {reason}") from error


def _hub_rows(source: str) -> Iterator[Row]:
    found = _HUB.fullmatch(source)
    if found is None:
        raise InputError(f"{source!r} names no data set: give hub:OWNER/NAME[/CONFIG][:SPLIT]")
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "data") from error
    split = found["split"] or "train"
    try:
        rows = datasets.load_dataset(found["name"], found["config"], split=split, streaming=True)
        names = {column: feature for column, feature in (rows.features or {}).items()}
        for number, values in enumerate(rows, 1):
            yield Row(f"{source}:{number}", {key: _named(value, names.get(key)) for key, value in values.items()})
    except Exception as error:  # the hub client raises a dozen unrelated classes
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{source} cannot be had from the hub: {reason}") from error


def _named(value: object, feature: object) -> object:
    """Return a value with the numbers of classes turned into their names."""
    inner = getattr(feature, "feature", None)
    if inner is None and isinstance(feature, list) and feature:  # how older releases write a list
        inner = feature[0]
    if inner is not None and isinstance(value, list):
        return [_named(each, inner) for each in value]
    if isinstance(value, Mapping) and isinstance(feature, Mapping):
        return {key: _named(each, feature.get(key)) for key, each in value.items()}
    to_name = getattr(feature, "int2str", None)
    if to_name is None or not isinstance(value, int) or value < 0:  # -1 is "no label"
        return value
    return to_name(value)
