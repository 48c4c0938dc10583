"""`edgebert distill`: from a fine-tuned checkpoint to a smaller one."""

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import training as shared
from edgebert.cli.training import (
    LayerOptions,
    LoopOptions,
    RunOptions,
    TrainingProgress,
    parsed_list,
    parsed_numbers,
    parsed_pairs,
    print_training,
    training_settings,
)
from edgebert.cli.words import UsageError


def distill(
    teacher: Annotated[
        list[str],
        typer.Option("--teacher", metavar="DIR|HUB_ID", help="Fine-tuned checkpoint; several are averaged."),
    ],
    train: shared.TrainOption,
    output: shared.CheckpointOption,
    *,
    layers: Annotated[int, typer.Option("--layers", metavar="N", min=1, help="Layers of the student.")] = 3,
    keep: Annotated[
        str | None,
        typer.Option("--keep", metavar="N,...", help="Layers of the teacher to start from; without it evenly spaced."),
    ] = None,
    hidden: Annotated[
        int | None,
        typer.Option("--hidden", metavar="N", min=1, help="Width; another than the teacher's starts from new layers."),
    ] = None,
    heads: Annotated[
        int | None, typer.Option("--heads", metavar="N", min=1, help="Attention heads, with --hidden.")
    ] = None,
    ffn: Annotated[
        int | None,
        typer.Option("--ffn", metavar="N", min=1, help="Feed-forward width, with --hidden; without it 4 times that."),
    ] = None,
    dev: shared.DevOption = None,
    unlabelled: Annotated[
        str | None,
        typer.Option("--unlabelled", metavar="DATA", help="More texts, which the teacher labels; .txt too."),
    ] = None,
    columns: shared.ColumnsOption = None,
    losses: Annotated[
        str | None,
        typer.Option(
            "--losses",
            metavar="NAME=WEIGHT,...",
            help="Of logits, labels, hidden, attention and relations; for vectors mse and cosine for the first two.",
        ),
    ] = None,
    temperature: Annotated[
        float, typer.Option("--temperature", metavar="T", help="Softens the labels of the teacher.")
    ] = 2.0,
    augment: Annotated[int, typer.Option("--augment", metavar="N", min=0, help="Changed copies of each text.")] = 0,
    augment_by: Annotated[
        str, typer.Option("--augment-by", metavar="NAMES", help="delete, swap, neighbours, mlm.")
    ] = "delete,swap,neighbours",
    mlm: Annotated[
        str | None,
        typer.Option("--mlm", metavar="DIR|HUB_ID", help="Masked-language model for --augment-by mlm."),
    ] = None,
    prune_vocabulary: Annotated[
        Path | None,
        typer.Option("--prune-vocabulary", metavar="FILE", help="Keep the tokens of these texts and of --train alone."),
    ] = None,
    prune_ffn: Annotated[
        int | None, typer.Option("--prune-ffn", metavar="N", min=1, help="Neurons that each feed-forward block keeps.")
    ] = None,
    prune_heads: Annotated[
        int | None, typer.Option("--prune-heads", metavar="N", min=1, help="Heads a layer keeps.")
    ] = None,
    quantization_aware: Annotated[
        int, typer.Option("--quantization-aware", metavar="EPOCHS", min=0, help="Last epochs, with INT8 simulated.")
    ] = 0,
    epochs: shared.EpochsOption = 8,
    learning_rate: shared.RateOption = 2e-4,
    seeds: shared.SeedsOption = 1,
    loop: LoopOptions,
    trained: LayerOptions,
    running: RunOptions,
) -> None:
    """Distill a smaller BERT from a fine-tuned one.

    The student learns what the teacher says about the texts of --train and --unlabelled; the teacher is asked once.
    The task is the teacher's. Needs the extra "train".
    """
    from edgebert.export.train.distill import distill
    from edgebert.export.train.distill_settings import Distill
    from edgebert.export.train.students import Shape

    settings = Distill(
        teachers=tuple(teacher),
        train=train,
        output=output,
        shape=Shape(layers, parsed_numbers(keep, "--keep"), hidden, heads, ffn),
        dev=dev,
        unlabelled=unlabelled,
        columns=parsed_pairs(columns, "--columns"),
        losses=None if losses is None else parsed_weights(losses),
        temperature=temperature,
        augment=augment,
        augment_by=parsed_list(augment_by),
        mlm=mlm,
        prune_vocabulary=prune_vocabulary,
        prune_ffn=prune_ffn,
        prune_heads=prune_heads,
        quantization_aware=quantization_aware,
        seeds=seeds,
        resume=running.resume,
        force=running.force,
        training=training_settings(epochs, learning_rate, loop, trained),
    )
    with TrainingProgress(running.quiet) as progress:
        report = distill(settings, progress)
    print_training(report, output, running.as_json)


def parsed_weights(text: str) -> dict[str, float]:
    """Return "logits=1,hidden=0.5" as numbers by name."""
    weights: dict[str, float] = {}
    for name, value in parsed_pairs(text, "--losses").items():
        try:
            weights[name] = float(value)
        except ValueError:
            raise UsageError(f"--losses gives {name} the weight {value!r}: give a number") from None
    return weights
