"""`edgebert embed`: texts to vectors."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli.inputs import chunks, texts_from
from edgebert.cli.options import (
    BatchSizeOption,
    BundleArgument,
    EngineOption,
    FileOption,
    InputFormatOption,
    LongTextsChoice,
    LongTextsOption,
    OutputOption,
    QuietOption,
    TextsArgument,
    ThreadsOption,
    VectorFormat,
    format_for,
)
from edgebert.cli.vectors import vector_writer
from edgebert.cli.words import Counter, UsageError
from edgebert.encoder import Encoder
from edgebert.errors import InputError
from edgebert.loader import load


def embed(
    bundle: BundleArgument,
    texts: TextsArgument = None,
    file: FileOption = None,
    input_format: InputFormatOption = None,
    column: Annotated[
        str, typer.Option("--column", metavar="NAME", help="Column or field that holds the text.")
    ] = "text",
    output: OutputOption = None,
    format: Annotated[
        VectorFormat | None,
        typer.Option("--format", help="Format of the output; without it its ending, and jsonl for stdout."),
    ] = None,
    batch_size: BatchSizeOption = 32,
    threads: ThreadsOption = 1,
    engine: EngineOption = None,
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
    quiet: QuietOption = False,
) -> None:
    """Turn texts into vectors.

    Each text gives one row, in the order of the input: text, vector and whether the text was cut.
    """
    kind = format_for(output, format, VectorFormat)
    if kind is VectorFormat.npy and output is None and sys.stdout.isatty():
        raise UsageError("npy is binary and stdout is a terminal: give --output FILE")
    source = texts_from(texts, file, input_format, column)
    model = _encoder(bundle, engine, threads)
    size = model.vector_size(truncate_dim)
    counter = Counter(model.max_tokens, quiet)
    with vector_writer(output, kind, size) as writer:
        for chunk in chunks(source):
            vectors, truncated = model.encode(
                chunk,
                batch_size,
                normalize_embeddings=normalize,
                truncate_dim=size,
                long_texts=long_texts.name_in_python(),
                return_truncated=True,
            )
            writer.write(chunk, vectors, truncated)
            counter.add(len(chunk), int(truncated.sum()))
    counter.finish()


def _encoder(bundle: Path, engine: str | None, threads: int) -> Encoder:
    model = load(bundle, engine, threads)
    if not isinstance(model, Encoder):
        raise InputError(f"{bundle} classifies, it gives no vectors: use `edgebert classify`")
    return model
