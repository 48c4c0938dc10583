"""Where training rows come from: what `edgebert.rows` reads, CoNLL files and SQuAD files."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgebert.errors import InputError
from edgebert.lines import Row, lines_of, open_binary
from edgebert.rows import read_rows

_CONLL = (".conll", ".bio", ".iob", ".iob2")
_SQUAD_MAX = 1 << 30  # bytes; a SQuAD file is one JSON document and is read whole


def training_rows(source: str, columns: Mapping[str, str]) -> Iterator[Row]:
    """Yield the rows of a source with the columns named as the tasks expect them.

    Args:
        source: a file, or ``hub:...``.
        columns: what the source calls a column, by the name that the task knows.

    Raises:
        InputError: the source or a row cannot be read, or a column of ``columns`` is not there; with file and line.
    """
    for row in _rows(source):
        missing = next((theirs for theirs in columns.values() if theirs not in row.values), None)
        if missing is not None:
            raise InputError(f"{row.where}: there is no column {missing!r}, only {', '.join(map(repr, row.values))}")
        yield Row(row.where, {**row.values, **{ours: row.values[theirs] for ours, theirs in columns.items()}})


def _rows(source: str) -> Iterator[Row]:
    path = Path(source)
    if source.startswith("hub:"):
        return read_rows(source)
    if path.suffix.lower() in _CONLL:
        return conll_rows(path)
    if path.suffix.lower() == ".json":
        return squad_rows(path)
    return read_rows(path)


def conll_rows(path: Path) -> Iterator[Row]:
    """Yield sentences with "tokens" and "tags": a token a line, its tag last, an empty line between sentences."""
    tokens: list[str] = []
    tags: list[str] = []
    start = 0
    with open_binary(path) as file:
        for number, line in lines_of(file, str(path)):
            fields = line.split()
            if not fields or fields[0] == "-DOCSTART-":
                if tokens:
                    yield Row(f"{path}:{start}", {"tokens": tokens, "tags": tags})
                tokens, tags = [], []
                continue
            if len(fields) < 2:
                raise InputError(f"{path}:{number}: the token {fields[0]!r} has no tag: write token and tag on a line")
            start = start if tokens else number
            tokens.append(fields[0])
            tags.append(fields[-1])
    if tokens:
        yield Row(f"{path}:{start}", {"tokens": tokens, "tags": tags})


def squad_rows(path: Path) -> Iterator[Row]:
    """Yield the questions of a SQuAD file: "id", "question", "context" and "answers".

    A row stands at file:question, counted from 1, since a SQuAD file is usually one line.
    """
    with open_binary(path) as file:
        raw = file.read(_SQUAD_MAX + 1)
    if len(raw) > _SQUAD_MAX:
        raise InputError(f"{path} is larger than {_SQUAD_MAX >> 30} GiB: write its questions as .jsonl")
    number = 0
    try:
        for paragraph in (each for article in json.loads(raw)["data"] for each in article["paragraphs"]):
            for question in paragraph["qas"]:
                number += 1
                answers = question.get("answers", [])
                values = {"id": question.get("id"), "question": question["question"], "answers": answers}
                yield Row(f"{path}:{number}", {**values, "context": paragraph["context"]})
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: question {number + 1}: not as SQuAD has it ({type(error).__name__}: {error}): "
            "data > paragraphs > context, qas > question, answers"
        ) from error
