"""`edgebert pretrain`: from plain text to a checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import training as shared
from edgebert.cli.training import (
    LoopOptions,
    RunOptions,
    TrainingProgress,
    print_training,
    training_settings,
)


def pretrain(
    corpus: Annotated[
        Path,
        typer.Option("--corpus", metavar="FILE", help="Text, a sentence a line, an empty line between documents."),
    ],
    output: shared.CheckpointOption,
    *,
    model: Annotated[
        str | None, typer.Option("--model", metavar="DIR|HUB_ID", help="Checkpoint to go on from.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="config.json of a BERT to start from scratch.")
    ] = None,
    vocabulary: Annotated[Path | None, typer.Option("--vocabulary", metavar="FILE", help="vocab.txt.")] = None,
    train_vocabulary: Annotated[
        int | None,
        typer.Option("--train-vocabulary", metavar="N", help="Learn a WordPiece vocabulary of N tokens instead."),
    ] = None,
    cased: Annotated[bool, typer.Option("--cased", help="Keep upper case apart from lower case.")] = False,
    next_sentence: Annotated[
        bool, typer.Option("--next-sentence", help="Also learn whether a line follows another.")
    ] = False,
    epochs: shared.EpochsOption = 3,
    learning_rate: shared.RateOption = 5e-4,
    loop: LoopOptions,
    running: RunOptions,
) -> None:
    """Pre-train a BERT on plain text by masked words.

    Whole words are masked anew in each epoch. Every 50th line is held out; what the model finds there is compared with
    guesses that need no model. Needs the extra "train".
    """
    from edgebert.export.train.pretrain import Pretrain, pretrain

    settings = Pretrain(
        corpus=corpus,
        output=output,
        model=model,
        config=config,
        vocabulary=vocabulary,
        train_vocabulary=train_vocabulary,
        lowercase=not cased,
        next_sentence=next_sentence,
        resume=running.resume,
        force=running.force,
        training=training_settings(epochs, learning_rate, loop),
    )
    with TrainingProgress(running.quiet) as progress:
        report = pretrain(settings, progress)
    print_training(report, output, running.as_json, then="edgebert export --task embed --model")
