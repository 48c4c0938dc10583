"""`edgebert bench`: a bundle against its FP32 baseline on this machine."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from edgebert.bench import Settings, run
from edgebert.cli.bench_table import print_report
from edgebert.cli.live import Live
from edgebert.cli.options import BundleArgument, ColumnOption, EngineOption, JsonOption, QuietOption, ThreadsOption
from edgebert.cli.words import say


def bench(
    bundle: BundleArgument,
    baseline: Annotated[
        str, typer.Option("--baseline", metavar="fp32|none", help="What the bundle is compared with.")
    ] = "fp32",
    texts: Annotated[
        Path | None,
        typer.Option("--texts", metavar="FILE", help="Texts as .txt, .csv, .tsv or .jsonl; without it built-in ones."),
    ] = None,
    column: ColumnOption = "text",
    threads: ThreadsOption = 1,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", help="Times that each text is answered by each contestant.")
    ] = 10,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure latency, memory, cold start and accuracy against the FP32 baseline.

    The bundle and the baseline answer the same texts in turn, one text at a time, with the same threads.
    """
    settings = Settings(baseline=baseline, texts=texts, column=column, engine=engine, threads=threads, rounds=rounds)
    with bench_progress(quiet) as progress:
        report = run(bundle, settings, progress)
    if as_json:
        sys.stdout.write(json.dumps(report.to_json(), ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    else:
        print_report(report)


@contextlib.contextmanager
def bench_progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that is told how many steps of a stage are done, and of how many."""
    with _Stages(quiet) as stages:
        yield stages.show


class _Stages(Live):
    """Shows how many steps of each stage are done, or a line when a stage is done."""

    def __init__(self, quiet: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        super().__init__(quiet, *columns)

    def show(self, stage: str, done: int, total: int) -> None:
        """Say that ``done`` of the ``total`` steps of a stage are done."""
        if self.lines and done == total:
            say(f"{stage}: done ({total})")
        self.progress.update(self.bar(stage), completed=done, total=total)
