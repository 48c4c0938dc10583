"""Where calibration texts come from: a file, the built-in texts, a data set of the hub, or an iterable of Python."""

import importlib.resources
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from edgebert.errors import InputError
from edgebert.lines import Row
from edgebert.rows import is_source, read_rows
from edgebert.texts import Record, read_records, read_texts, records_in

BUILTIN = "builtin"  # names the texts that come with the package

Source = str | Path | Iterable[object]


def open_source(source: Source, column: str | None = None) -> tuple[str, Iterator[Record]]:
    """Return the name of a source and its texts or pairs, which are read one by one.

    Args:
        source: a file (txt, csv, tsv, jsonl or parquet), ``"builtin"``, ``"hub:OWNER/NAME[/CONFIG][:SPLIT]"``, or an
            iterable of texts, pairs of texts or mappings from columns to values.
        column: column of the texts; without it "text", or pairs where the columns say so.

    The iterator raises an InputError that says where a text is that cannot be read, and a MissingExtraError where a
    library for the source is not installed.
    """
    if not isinstance(source, (str, Path)):
        return "the iterable", _records_of_objects(source, column)
    if source == BUILTIN:
        return "built-in", builtin_texts()
    name = str(source)
    if is_source(name):
        return name if name.startswith("hub:") else Path(name).name, records_in(read_rows(name), column)
    return Path(name).name, read_records(name)


def builtin_texts() -> Iterator[str]:
    """Yield the texts that come with the package."""
    with importlib.resources.as_file(importlib.resources.files("edgebert") / "data" / "texts.txt") as path:
        yield from read_texts(path)


def _records_of_objects(objects: Iterable[object], column: str | None) -> Iterator[Record]:
    for number, each in enumerate(objects, 1):
        where = f"text {number} of the iterable"
        if isinstance(each, Mapping):
            yield from records_in([Row(where, each)], column)
        elif isinstance(each, str):
            yield each
        elif isinstance(each, tuple) and len(each) == 2 and all(isinstance(part, str) for part in each):
            yield each
        else:
            raise InputError(f"{where} is a {type(each).__name__}: give texts, pairs of texts or mappings")
