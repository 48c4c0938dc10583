"""`edgebert prepare`: build the TensorRT engine of a bundle on the device."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TextColumn

from edgebert.bundle import open_bundle
from edgebert.cli.live import Live
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
    with _Steps(quiet) as steps:
        found = prepare_bundle(bundle, options, steps.show)
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


class _Steps(Live):
    """Shows steps: a bar a stage with the time that is left, or a line now and then."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(quiet, TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
        self._said: dict[str, float] = {}

    def show(self, step: Step) -> None:
        """Show where the preparation is."""
        left = remaining(step)
        if self.lines and step.seconds >= self._said.get(step.stage, -math.inf) + _QUIET_SECONDS:
            self._said[step.stage] = step.seconds
            say(f"{step.stage}: {left}" if left else step.stage)
        total = None if step.part is None else 1.0
        self.progress.update(self.bar(step.stage), total=total, completed=step.part or 0.0, left=left)


def remaining(step: Step) -> str:
    """Return how long a stage may still take, in words."""
    if step.seconds_left is None:
        return f"{step.seconds:.0f} s so far" if step.seconds >= 1 else ""
    if step.seconds_left < 90:
        return f"about {max(1, round(step.seconds_left))} s left"
    return f"about {round(step.seconds_left / 60)} min left"
