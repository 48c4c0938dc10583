"""`edgebert finetune`: from labelled data to a checkpoint."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebert.cli import training as shared
from edgebert.cli.options import JsonOption, QuietOption
from edgebert.cli.training import TrainingProgress, is_first_process, parsed_list, parsed_pairs

if TYPE_CHECKING:
    from edgebert.export.train.report import Report


def finetune(
    task: Annotated[str, typer.Option("--task", metavar="NAME", help="classify, tag, answer or embed.")],
    train: shared.TrainOption,
    output: shared.CheckpointOption,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="DIR|HUB_ID", help="Checkpoint; without it the MiniLM of the demo extra."),
    ] = None,
    dev: shared.DevOption = None,
    columns: shared.ColumnsOption = None,
    epochs: shared.EpochsOption = 3,
    batch_size: shared.BatchOption = 32,
    accumulate: shared.PartsOption = 1,
    learning_rate: shared.RateOption = 5e-5,
    layer_decay: shared.LayerDecayOption = 1.0,
    freeze: shared.FreezeOption = None,
    unfreeze: shared.UnfreezeOption = None,
    max_tokens: shared.MaxTokensOption = None,
    patience: shared.PatienceOption = None,
    precision: shared.PrecisionOption = "auto",
    seed: shared.SeedOption = 0,
    seeds: shared.SeedsOption = 1,
    save_every: shared.SaveEveryOption = 500,
    resume: shared.ResumeOption = False,
    force: shared.ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fine-tune a BERT on labelled data.

    classify reads text (or text_a, text_b) and label, or labels; tag reads tokens and tags in BIO; answer reads
    question, context and answers; embed reads text_a, text_b and score, or text and label. The checkpoint is what
    `edgebert export` reads, with a report beside the weights. Needs the extra "train".
    """
    from edgebert.export.train.finetune import Finetune, finetune
    from edgebert.export.train.settings import Training

    training = Training(
        epochs=epochs,
        batch_size=batch_size,
        parts=accumulate,
        learning_rate=learning_rate,
        layer_decay=layer_decay,
        freeze=parsed_list(freeze),
        unfreeze=unfreeze,
        max_tokens=max_tokens,
        patience=patience,
        precision=precision,
        seed=seed,
        save_every=save_every,
    )
    settings = Finetune(
        task=task,
        train=train,
        output=output,
        model=model,
        dev=dev,
        columns=parsed_pairs(columns, "--columns"),
        seeds=seeds,
        resume=resume,
        force=force,
        training=training,
    )
    with TrainingProgress(quiet) as progress:
        report = finetune(settings, progress)
    if is_first_process():
        print_training(report, output, as_json)


def print_training(report: "Report", output: Path, as_json: bool) -> None:
    """Write what a training came to."""
    if as_json:
        typer.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=1))
        return
    typer.echo(f"{output}: {report.examples} examples, {report.texts_per_second:.0f} a second")
    for name, (mean, spread) in report.means.items():
        several = f", mean of {len(report.runs)} seeds {mean:.4f} +- {spread:.4f}" if len(report.runs) > 1 else ""
        typer.echo(f"{name} on dev: {report.kept.metrics[name]:.4f}{several}")
    if report.teacher is not None:
        for name, value in report.teacher.metrics.items():
            typer.echo(f"{name} of the teacher: {value:.4f}")
    if report.teacher is not None and report.teacher.p_value is not None:
        lost, won, p_value = report.teacher.lost, report.teacher.won, report.teacher.p_value
        typer.echo(f"only the teacher is right on {lost} texts, only the student on {won}: McNemar p = {p_value:.4f}")
    typer.echo(f"next: edgebert export --model {output}")
