"""Arguments and options that several verbs share."""

from enum import Enum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from edgebert.batching import LongTexts
from edgebert.cli.words import UsageError


class LongTextsChoice(str, Enum):
    """What to do with texts that are longer than the model takes."""

    cut = "cut"
    mean = "mean"
    max = "max"

    def name_in_python(self) -> LongTexts:
        """Return what the functions of Python take."""
        return self.value


class InputFormat(str, Enum):
    """How a file holds texts."""

    txt = "txt"
    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"


class LabelFormat(str, Enum):
    """How labels are written."""

    jsonl = "jsonl"
    csv = "csv"


class VectorFormat(str, Enum):
    """How vectors are written."""

    jsonl = "jsonl"
    csv = "csv"
    npy = "npy"


_Format = TypeVar("_Format", LabelFormat, VectorFormat)


def format_for(output: Path | None, format: _Format | None, formats: type[_Format]) -> _Format:
    """Return the format of an output: the one that was asked for, else the one that its name ends with, else jsonl.

    Raises:
        UsageError: the name ends with none of the formats.
    """
    if format is not None:
        return format
    ending = "jsonl" if output is None or not output.suffix else output.suffix[1:].lower()
    if ending not in [known.value for known in formats]:
        known = ", ".join(f".{known.value}" for known in formats)
        raise UsageError(f"{output} ends with none of {known}: rename it or name its --format")
    return formats(ending)


BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder that `edgebert export` wrote.")]
TextsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="TEXT", help="Texts; without any, and without --file, stdin is read.")
]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", "-f", metavar="FILE", help="Read texts from a .txt, .csv, .tsv or .jsonl file; - is stdin."),
]
InputFormatOption = Annotated[
    InputFormat | None,
    typer.Option("--input-format", help="Format of the input; without it the ending of the file, and txt for stdin."),
]
_COLUMN = typer.Option("--column", metavar="NAME", help="Column or field that holds the text.")
ColumnOption = Annotated[str, _COLUMN]
AnyColumnOption = Annotated[str | None, _COLUMN]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="DIR|HUB_ID", help="Checkpoint; without it the MiniLM of the demo extra."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file instead of stdout.")
]
BatchSizeOption = Annotated[int, typer.Option("--batch-size", min=1, help="Texts given to the engine at once.")]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, max=1024, help="Threads for one answer.")]
EngineOption = Annotated[
    str | None,
    typer.Option("--engine", metavar="NAME", help="Engine; without it the bundle's first that is installed."),
]
LongTextsOption = Annotated[
    LongTextsChoice,
    typer.Option("--long-texts", help="Cut long texts, or read them in windows and take the mean or max."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
