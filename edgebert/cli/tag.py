"""`edgebert tag`: texts to entities."""

from enum import Enum
from typing import Annotated

import typer

from edgebert.cli.groups import Running, TextSource
from edgebert.cli.inputs import chunks, texts_from
from edgebert.cli.loading import open_model
from edgebert.cli.options import BundleArgument, ColumnOption, OutputOption
from edgebert.cli.outputs import json_text, opened_output
from edgebert.cli.words import Counter
from edgebert.entities import Aggregation
from edgebert.tagger import Tagger
from edgebert.windows import LongTokens


class AggregationChoice(str, Enum):
    """What an entity is."""

    none = "none"
    simple = "simple"
    first = "first"
    average = "average"
    max = "max"

    def name_in_python(self) -> Aggregation:
        """Return what the functions of Python take."""
        return self.value


class LongTokensChoice(str, Enum):
    """What to do with texts that are longer than the model takes."""

    windows = "windows"
    cut = "cut"

    def name_in_python(self) -> LongTokens:
        """Return what the functions of Python take."""
        return self.value


def tag(
    bundle: BundleArgument,
    source: TextSource,
    run: Running,
    column: ColumnOption = "text",
    output: OutputOption = None,
    aggregation: Annotated[
        AggregationChoice,
        typer.Option(
            "--aggregation",
            help="Give tokens (none), join neighbouring tokens (simple), or words by their first token, the average or "
            "the max of their tokens.",
        ),
    ] = AggregationChoice.simple,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="LABEL", help="Labels to leave out; without it O.")
    ] = None,
    long_texts: Annotated[
        LongTokensChoice, typer.Option("--long-texts", help="Read long texts in windows, or cut them.")
    ] = LongTokensChoice.windows,
) -> None:
    """Find entities in texts.

    Each text gives one JSON object a line, in the order of the input: text, entities, and whether the text was cut. An
    entity has entity_group, score, word, start and end; start and end count characters (code points) of the text.
    """
    texts = texts_from(source.texts, source.file, source.input_format, column)
    model = open_model(bundle, run, Tagger)
    counter = Counter(model.max_tokens, run.quiet, "--long-texts windows")
    with opened_output(output) as sink:
        for chunk in chunks(texts):
            tokens = model.read(chunk, run.batch_size, long_texts=long_texts.name_in_python())
            found = model.group(chunk, tokens, aggregation.name_in_python(), ignore or ("O",))
            for text, entities, own in zip(chunk, found, tokens, strict=True):
                row = {"text": text, "entities": entities, "truncated": own.truncated}
                sink.write(f"{json_text(row)}\n".encode())
            counter.add(len(chunk), sum(own.truncated for own in tokens))
    counter.finish()
