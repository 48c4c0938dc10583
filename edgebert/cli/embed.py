"""`edgebert embed`: texts to vectors."""

import sys
from typing import Annotated

import typer

from edgebert.cli.groups import Running, TextSource
from edgebert.cli.inputs import chunks, texts_from
from edgebert.cli.loading import open_model
from edgebert.cli.options import (
    BundleArgument,
    ColumnOption,
    LongTextsChoice,
    LongTextsOption,
    OutputOption,
    VectorFormat,
    format_for,
)
from edgebert.cli.vector_files import vector_writer
from edgebert.cli.words import Counter, UsageError
from edgebert.encoder import Encoder


def embed(
    bundle: BundleArgument,
    source: TextSource,
    run: Running,
    column: ColumnOption = "text",
    output: OutputOption = None,
    format: Annotated[
        VectorFormat | None,
        typer.Option("--format", help="Format of the output; without it its ending, and jsonl for stdout."),
    ] = None,
    normalize: Annotated[
        bool | None,
        typer.Option(
            "--normalize/--no-normalize", help="Scale vectors to the length 1; without it as the bundle says."
        ),
    ] = None,
    truncate_dim: Annotated[
        int | None, typer.Option("--truncate-dim", min=1, help="Keep the first numbers of each vector.")
    ] = None,
    long_texts: LongTextsOption = LongTextsChoice.cut,
) -> None:
    """Turn texts into vectors.

    Each text gives one row, in the order of the input: text, vector and whether the text was cut.
    """
    kind = format_for(output, format, VectorFormat)
    if kind is VectorFormat.npy and output is None and sys.stdout.isatty():
        raise UsageError("npy is binary and stdout is a terminal: give --output FILE")
    texts = texts_from(source.texts, source.file, source.input_format, column)
    model = open_model(bundle, run, Encoder)
    size = model.vector_size(truncate_dim)
    counter = Counter(model.max_tokens, run.quiet)
    with vector_writer(output, kind, size) as writer:
        for chunk in chunks(texts):
            vectors, truncated = model.encode(
                chunk,
                run.batch_size,
                normalize_embeddings=normalize,
                truncate_dim=size,
                long_texts=long_texts.name_in_python(),
                return_truncated=True,
            )
            writer.write(chunk, vectors, truncated)
            counter.add(len(chunk), int(truncated.sum()))
    counter.finish()
