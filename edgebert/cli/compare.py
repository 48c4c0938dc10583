"""`edgebert compare-students`: which student of a teacher is worth its time."""

import json
from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import training as shared
from edgebert.cli.chain import shows
from edgebert.cli.compare_table import print_comparison
from edgebert.cli.options import ThreadsOption
from edgebert.cli.training import LoopOptions, RunOptions, parsed_pairs, training_settings
from edgebert.cli.words import say


def compare_students(
    teacher: Annotated[str, typer.Option("--teacher", metavar="DIR|HUB_ID", help="Fine-tuned checkpoint.")],
    train: shared.TrainOption,
    test: Annotated[str, typer.Option("--test", metavar="DATA", help="Labelled data that all are judged on.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")],
    *,
    student: Annotated[
        list[str] | None,
        typer.Option(
            "--student",
            metavar="NAME=VALUE,...",
            help="A student by the settings of its distillation: layers=3, or name=small,layers=2,hidden=192,heads=6, "
            "or layers=3,prune-ffn=768; give as many as you like. Without any: fewer and fewer layers.",
        ),
    ] = None,
    dev: shared.DevOption = None,
    columns: shared.ColumnsOption = None,
    distill: Annotated[
        str | None,
        typer.Option(
            "--distill",
            metavar="NAME=VALUE,...",
            help="Settings of every student that has none of its own: augment=2,losses.logits=1,losses.hidden=0.5.",
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration", metavar="FILE|builtin", help="Texts for the exports; without it drawn from --train."
        ),
    ] = None,
    epochs: shared.EpochsOption = 8,
    learning_rate: shared.RateOption = 2e-4,
    seeds: Annotated[
        int,
        typer.Option("--seeds", metavar="N", min=1, help="Train each student so often; the best on --dev is its row."),
    ] = 1,
    threads: ThreadsOption = 1,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", help="Times that each text is answered by each model.")
    ] = 10,
    loop: LoopOptions,
    running: RunOptions,
) -> None:
    """Train and export a set of students, and compare accuracy, latency and size.

    Every student is distilled from the teacher and exported to INT8. The table has the teacher, the students, and as
    the lower end the mean of the teacher's word vectors. Needs the extra "train".
    """
    from edgebert.export.compare import CompareStudents, read_settings, read_students
    from edgebert.export.compare import compare_students as compare

    settings = CompareStudents(
        teacher=teacher,
        train=train,
        test=test,
        output=output,
        students=read_students(student or []),
        dev=dev,
        columns=parsed_pairs(columns, "--columns"),
        distill={} if distill is None else read_settings(distill),
        calibration=calibration,
        seeds=seeds,
        threads=threads,
        rounds=rounds,
        resume=running.resume,
        force=running.force,
        training=training_settings(epochs, learning_rate, loop),
    )
    report = compare(settings, shows(running.quiet), lambda name: None if running.quiet else say(name))
    if running.as_json:
        typer.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=1, allow_nan=False))
        return
    print_comparison(report)
    typer.echo(f"\n{output}: comparison.md, .json and .png, checkpoints and bundles")
