"""`edgebert classify`: texts to labels."""

from pathlib import Path
from typing import Annotated

import typer

from edgebert.classifier import Classifier
from edgebert.cli.inputs import chunks, records_from
from edgebert.cli.labels import CsvLabels, JsonlLabels
from edgebert.cli.options import (
    BatchSizeOption,
    BundleArgument,
    EngineOption,
    FileOption,
    InputFormatOption,
    LabelFormat,
    LongTextsChoice,
    LongTextsOption,
    OutputOption,
    QuietOption,
    TextsArgument,
    ThreadsOption,
    format_for,
)
from edgebert.cli.outputs import opened_output
from edgebert.cli.words import Counter, UsageError
from edgebert.errors import InputError
from edgebert.loader import load


def classify(
    bundle: BundleArgument,
    texts: TextsArgument = None,
    file: FileOption = None,
    input_format: InputFormatOption = None,
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Column of the text; without it text, or for pairs text and text_pair or text_a and text_b.",
        ),
    ] = None,
    output: OutputOption = None,
    format: Annotated[
        LabelFormat | None,
        typer.Option("--format", help="Format of the output; without it its ending, and jsonl for stdout."),
    ] = None,
    top_k: Annotated[str, typer.Option("--top-k", metavar="N|all", help="Labels a text gets, best first.")] = "1",
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score", min=0, max=1, help="Give no label where the best score is below; for unknown intents."
        ),
    ] = None,
    batch_size: BatchSizeOption = 32,
    threads: ThreadsOption = 1,
    engine: EngineOption = None,
    long_texts: LongTextsOption = LongTextsChoice.cut,
    quiet: QuietOption = False,
) -> None:
    """Give labels to texts.

    Each text gives one row, in the order of the input: text, label and score, and whether the text was cut.
    """
    kind = format_for(output, format, LabelFormat)
    count = _parsed_top_k(top_k)
    source = records_from(texts, file, input_format, column)
    model = _classifier(bundle, engine, threads)
    model.check_choice(count, min_score)
    counter = Counter(model.max_tokens, quiet)
    with opened_output(output) as sink:
        writer = (
            JsonlLabels(sink, count == 1) if kind is LabelFormat.jsonl else CsvLabels(sink, count, len(model.labels))
        )
        for chunk in chunks(source):
            scores, truncated = model.scores(
                chunk, batch_size, long_texts=long_texts.name_in_python(), return_truncated=True
            )
            writer.write(chunk, model.ranked(scores, count, min_score), truncated)
            counter.add(len(chunk), int(truncated.sum()))
    counter.finish()


def _parsed_top_k(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise UsageError(f"--top-k is {text!r}: give a whole number from 1, or all")
    return int(text)


def _classifier(bundle: Path, engine: str | None, threads: int) -> Classifier:
    model = load(bundle, engine, threads)
    if not isinstance(model, Classifier):
        raise InputError(f"{bundle} gives vectors, it has no labels: use `edgebert embed`")
    return model
