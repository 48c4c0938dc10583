"""How `edgebert export` shows what it does before and after the export."""

import json
from typing import TYPE_CHECKING

import typer

from edgebert.cli.bench import bench_progress
from edgebert.cli.bench_table import print_report
from edgebert.cli.stages import stages
from edgebert.cli.training import TrainingProgress, training_lines

if TYPE_CHECKING:
    from edgebert.export.chain import Chain, Done, Shows


def shows(quiet: bool) -> "Shows":
    """Return the progress of each stage, which is that of its own verb."""
    from edgebert.export.chain import Shows

    return Shows(
        distill=lambda: TrainingProgress(quiet), export=lambda: stages(quiet), bench=lambda: bench_progress(quiet)
    )


def print_student(chain: "Chain", done: "Done") -> None:
    """Write how the student did and where it is."""
    if chain.distill is None or done.distilled is None:
        return
    name = str(chain.distill.output) if chain.keep else "student (not kept)"
    for line in training_lines(done.distilled, name):
        typer.echo(line)


def print_benchmark(done: "Done") -> None:
    """Write the tables of the benchmark."""
    if done.benched is not None:
        typer.echo("")
        print_report(done.benched)


def as_document(done: "Done") -> str:
    """Return what was done as JSON: the report of the export alone, or one for each stage by name."""
    exported = done.bundle.json("report.json")
    if done.distilled is None and done.benched is None:
        return json.dumps(exported, indent=1, sort_keys=True)
    document = {
        "distill": None if done.distilled is None else done.distilled.to_json(),
        "export": exported,
        "bench": None if done.benched is None else done.benched.to_json(),
    }
    return json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
