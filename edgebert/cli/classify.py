"""`edgebert classify`: texts to labels."""

from typing import Annotated

import typer

from edgebert.classifier import Classifier
from edgebert.cli.groups import Running, TextSource
from edgebert.cli.inputs import chunks, records_from
from edgebert.cli.labels import CsvLabels, JsonlLabels
from edgebert.cli.loading import open_model
from edgebert.cli.options import (
    BundleArgument,
    LabelFormat,
    LongTextsChoice,
    LongTextsOption,
    OutputOption,
    format_for,
)
from edgebert.cli.outputs import opened_output
from edgebert.cli.words import Counter, UsageError


def classify(
    bundle: BundleArgument,
    source: TextSource,
    run: Running,
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
    long_texts: LongTextsOption = LongTextsChoice.cut,
) -> None:
    """Give labels to texts.

    Each text gives one row, in the order of the input: text, label and score, and whether the text was cut.
    """
    kind = format_for(output, format, LabelFormat)
    count = _parsed_top_k(top_k)
    records = records_from(source.texts, source.file, source.input_format, column)
    model = open_model(bundle, run, Classifier)
    model.check_choice(count, min_score)
    counter = Counter(model.max_tokens, run.quiet)
    with opened_output(output) as sink:
        writer = (
            JsonlLabels(sink, count == 1) if kind is LabelFormat.jsonl else CsvLabels(sink, count, len(model.labels))
        )
        for chunk in chunks(records):
            scores, truncated = model.scores(
                chunk, run.batch_size, long_texts=long_texts.name_in_python(), return_truncated=True
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
