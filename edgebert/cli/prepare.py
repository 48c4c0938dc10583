"""`edgebert prepare`: build the TensorRT engine of a bundle on the device."""

import dataclasses
import json
import math
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from edgebert.bundle import open_bundle
from edgebert.cli.options import BundleArgument, JsonOption, QuietOption
from edgebert.cli.words import printable, say
from edgebert.prepare import Options, Prepared
from edgebert.prepare import prepare as prepare_bundle
from edgebert.prepare.stages import Step
from edgebert.prepare.trtexec import trtexec_lines
from edgebert.tensorrt.store import CACHE_VARIABLE

_QUIET_SECONDS = 20.0  # between two lines about the same stage, where there is no terminal


def prepare(
    bundle: BundleArgument,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help=f"Folder for engines; without it ${CACHE_VARIABLE} or the user's."),
    ] = None,
    workspace: Annotated[
        int | None,
        typer.Option("--workspace", metavar="MB", min=1, help="Memory for the kernels, if less than the plan allows."),
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build again what is there.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Then remove the engines of other bundles and versions from the cache.")
    ] = False,
    trtexec: Annotated[
        str | None,
        typer.Option("--trtexec", metavar="X.Y", help="Only print NVIDIA's build commands for TensorRT X.Y."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Build the TensorRT engine of a bundle on this device.

    INT8 and FP16 are built, checked against the golden answers and timed; the faster one is kept. It takes minutes;
    what was finished before an interruption is not built again.
    """
    if trtexec is not None:
        for line in trtexec_lines(open_bundle(bundle), trtexec):
            typer.echo(line)
        return
    options = Options(cache, None if workspace is None else workspace * 1_000_000, rebuild, prune)
    with _Shown(quiet) as shown:
        found = prepare_bundle(bundle, options, shown.show)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=1, sort_keys=True))
    else:
        _describe(found)
    if cache is not None and not quiet:
        say(f"set {CACHE_VARIABLE}={cache.absolute()} where the bundle is loaded, so that the engine is found")


def _describe(found: Prepared) -> None:
    typer.echo(f"engine  {found.precision.upper()}, {printable(found.engine)}" + ", was ready" * found.was_ready)
    for precision, difference in found.golden.items():
        words = f"largest difference {difference:.3g}" if isinstance(difference, float) else printable(str(difference))
        typer.echo(f"golden  {precision.upper()}: {words}")
    if isinstance(found.race, str):
        typer.echo(f"race    {found.race}")
    else:
        typer.echo("race    " + ", ".join(f"{name.upper()} {float(str(ms)):.2f} ms" for name, ms in found.race.items()))


class _Shown:
    """Shows steps on stderr: a bar a stage on a terminal, a line now and then elsewhere."""

    def __init__(self, quiet: bool) -> None:
        console = Console(stderr=True)
        self._lines = not quiet and not console.is_terminal
        self._said: dict[str, float] = {}
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
            disable=quiet or self._lines,
        )

    def __enter__(self) -> "_Shown":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, step: Step) -> None:
        """Show where the preparation is."""
        left = remaining(step)
        if self._lines and step.seconds >= self._said.get(step.stage, -math.inf) + _QUIET_SECONDS:
            self._said[step.stage] = step.seconds
            say(f"{step.stage}: {left}" if left else step.stage)
        if step.stage not in self._bars:
            self._bars[step.stage] = self._progress.add_task(step.stage, total=None, left="")
        total = None if step.part is None else 1.0
        self._progress.update(self._bars[step.stage], total=total, completed=step.part or 0.0, left=left)


def remaining(step: Step) -> str:
    """Return how long a stage may still take, in words."""
    if step.seconds_left is None:
        return f"{step.seconds:.0f} s so far" if step.seconds >= 1 else ""
    if step.seconds_left < 90:
        return f"about {max(1, round(step.seconds_left))} s left"
    return f"about {round(step.seconds_left / 60)} min left"
