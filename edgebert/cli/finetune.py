"""`edgebert finetune`: from labelled data to a checkpoint."""

from typing import Annotated

import typer

from edgebert.cli import training as shared
from edgebert.cli.options import ModelOption
from edgebert.cli.training import (
    LayerOptions,
    LoopOptions,
    RunOptions,
    TrainingProgress,
    parsed_pairs,
    print_training,
    training_settings,
)


def finetune(
    task: Annotated[str, typer.Option("--task", metavar="NAME", help="classify, tag, answer or embed.")],
    train: shared.TrainOption,
    output: shared.CheckpointOption,
    *,
    model: ModelOption = None,
    dev: shared.DevOption = None,
    columns: shared.ColumnsOption = None,
    epochs: shared.EpochsOption = 3,
    learning_rate: shared.RateOption = 5e-5,
    seeds: shared.SeedsOption = 1,
    loop: LoopOptions,
    trained: LayerOptions,
    running: RunOptions,
) -> None:
    """Fine-tune a BERT on labelled data.

    classify reads text (or text_a, text_b) and label, or labels; tag reads tokens and tags in BIO; answer reads
    question, context and answers; embed reads text_a, text_b and score, or text and label. The checkpoint is what
    `edgebert export` reads, with a report beside the weights. Needs the extra "train".
    """
    from edgebert.export.train.finetune import Finetune, finetune

    settings = Finetune(
        task=task,
        train=train,
        output=output,
        model=model,
        dev=dev,
        columns=parsed_pairs(columns, "--columns"),
        seeds=seeds,
        resume=running.resume,
        force=running.force,
        training=training_settings(epochs, learning_rate, loop, trained),
    )
    with TrainingProgress(running.quiet) as progress:
        report = finetune(settings, progress)
    print_training(report, output, running.as_json)
