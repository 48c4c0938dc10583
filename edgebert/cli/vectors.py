"""`edgebert vectors`: a vector for every character or word of texts."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from edgebert.bundle import open_bundle
from edgebert.cli.groups import Running
from edgebert.cli.inputs import chunks, texts_from
from edgebert.cli.lexicon_files import LexiconFormat, write_lexicon
from edgebert.cli.loading import open_model
from edgebert.cli.options import BundleArgument, InputFormatOption
from edgebert.cli.words import UsageError, say
from edgebert.encoder import Encoder
from edgebert.errors import InputError
from edgebert.lexicon import Collector, ContextualSource, TableSource, Unit, VectorSource


class SourceChoice(str, Enum):
    """Where a vector comes from."""

    contextual = "contextual"
    table = "table"


def vectors(
    bundle: BundleArgument,
    run: Running,
    texts: Annotated[
        Path, typer.Option("--texts", metavar="FILE", help="Texts: .txt, .csv, .tsv or .jsonl; - is stdin.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")],
    characters: Annotated[bool, typer.Option("--characters", help="A vector for every character.")] = False,
    words: Annotated[bool, typer.Option("--words", help="A vector for every word.")] = False,
    format: Annotated[
        LexiconFormat,
        typer.Option("--format", help="word2vec text or binary; npy, the keys in NAME.keys.txt beside it; jsonl."),
    ] = LexiconFormat.word2vec,
    source: Annotated[
        SourceChoice,
        typer.Option("--source", help="Mean over all occurrences in context, or the table of embeddings."),
    ] = SourceChoice.contextual,
    min_count: Annotated[int, typer.Option("--min-count", min=1, help="Leave out what occurs less often.")] = 1,
    input_format: InputFormatOption = None,
    column: Annotated[
        str, typer.Option("--column", metavar="NAME", help="Column or field that holds the text.")
    ] = "text",
) -> None:
    r"""Write a vector for every character or word that occurs in texts, the most frequent first.

    Characters that are read as one token share its vector; a word of several tokens has their mean. Keys are in lower
    case where the tokenizer reads text so, and white space inside of one is written as \u0020. Texts are read piece by
    piece: memory holds one sum a key.
    """
    if characters == words:
        raise UsageError("give one of --characters and --words")
    unit: Unit = "characters" if characters else "words"
    lines = texts_from(None, texts, input_format, column)
    collector = Collector(_source(bundle, run, source), unit)
    count = 0
    for chunk in chunks(lines):
        collector.add(chunk)
        count += len(chunk)
    keys = collector.lexicon.most_frequent_first(min_count)
    if not keys:
        raise InputError(f"{texts} holds no {unit[:-1]} that occurs {min_count} times: give more text")
    write_lexicon(output, format, collector.lexicon, keys)
    if not run.quiet:
        say(f"{len(keys)} {unit} of {count} text{'s' * (count != 1)} written")


def _source(bundle: Path, run: Running, source: SourceChoice) -> VectorSource:
    if source is SourceChoice.table:
        return TableSource(open_bundle(bundle))
    return ContextualSource(open_model(bundle, run, Encoder), run.batch_size)
