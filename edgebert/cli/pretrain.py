"""`edgebert pretrain`: from plain text to a checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import training as shared
from edgebert.cli.finetune import print_training
from edgebert.cli.options import JsonOption, QuietOption
from edgebert.cli.training import TrainingProgress, is_first_process


def pretrain(
    corpus: Annotated[
        Path,
        typer.Option("--corpus", metavar="FILE", help="Text, a sentence a line, an empty line between documents."),
    ],
    output: shared.CheckpointOption,
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
    batch_size: shared.BatchOption = 32,
    accumulate: shared.PartsOption = 1,
    learning_rate: shared.RateOption = 5e-4,
    max_tokens: shared.MaxTokensOption = None,
    patience: shared.PatienceOption = None,
    precision: shared.PrecisionOption = "auto",
    seed: shared.SeedOption = 0,
    save_every: shared.SaveEveryOption = 500,
    resume: shared.ResumeOption = False,
    force: shared.ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Pre-train a BERT on plain text by masked words.

    Whole words are masked anew in each epoch. Every 50th line is held out; what the model finds there is compared with
    guesses that need no model. Needs the extra "train".
    """
    from edgebert.export.train.pretrain import Pretrain, pretrain
    from edgebert.export.train.settings import Training

    training = Training(
        epochs=epochs,
        batch_size=batch_size,
        parts=accumulate,
        learning_rate=learning_rate,
        max_tokens=max_tokens,
        patience=patience,
        precision=precision,
        seed=seed,
        save_every=save_every,
    )
    settings = Pretrain(
        corpus=corpus,
        output=output,
        model=model,
        config=config,
        vocabulary=vocabulary,
        train_vocabulary=train_vocabulary,
        lowercase=not cased,
        next_sentence=next_sentence,
        resume=resume,
        force=force,
        training=training,
    )
    with TrainingProgress(quiet) as progress:
        report = pretrain(settings, progress)
    if is_first_process():
        print_training(report, output, as_json)
