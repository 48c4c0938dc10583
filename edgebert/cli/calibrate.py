"""`edgebert calibrate`: the ranges of a model's activations on texts, and how far they can be trusted."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from edgebert.cli.options import AnyColumnOption, JsonOption, ModelOption, QuietOption
from edgebert.cli.stages import stages
from edgebert.cli.words import printable

if TYPE_CHECKING:
    from edgebert.calibration import CalibrationReport

_Number = TypeVar("_Number", int, float)

_MOST = 8  # tensors named in a line


def calibrate(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File of ranges to write.")],
    model: ModelOption = None,
    texts: Annotated[
        str,
        typer.Option(
            "--calibration",
            "--texts",
            metavar="FILE|builtin",
            help="Texts like those of the device: .txt, .csv, .tsv, .jsonl, .parquet, or hub:OWNER/NAME of a data set.",
        ),
    ] = "builtin",
    column: AnyColumnOption = None,
    samples: Annotated[
        int,
        typer.Option("--samples", metavar="N", min=1, max=100_000, help="Texts to measure; a quarter more is tried."),
    ] = 256,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Makes the draw the same every time.")] = 0,
    observer: Annotated[
        str | None,
        typer.Option(
            "--observer",
            metavar="NAME",
            help="min-max, moving-average, percentile-99.99, entropy or mse for every tensor; without it the best for "
            "each kind.",
        ),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure the ranges of a model's activations, for `edgebert export --ranges`.

    Says how many values of other texts the ranges clip, which layers have outliers, and whether more texts would help.
    """
    from edgebert.calibration import save_ranges
    from edgebert.export.calibrate import CalibrationRecipe, calibrate_checkpoint

    recipe = CalibrationRecipe(model=model, source=texts, column=column, samples=samples, seed=seed, observer=observer)
    with stages(quiet) as show:
        ranges, report = calibrate_checkpoint(recipe, show)
    save_ranges(ranges, output)
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=1, sort_keys=True))
        return
    for line in _lines(report):
        typer.echo(printable(line))
    typer.echo(f"{output}: {len(ranges.by_tensor)} ranges; next: edgebert export --int8 --ranges {output}")


def _lines(report: "CalibrationReport") -> Iterator[str]:
    """Yield what a reader must know to believe the ranges."""
    lengths = sorted(report.measured)
    yield (
        f"{len(lengths)} of {report.texts_read} texts ({report.source}), {lengths[0]} to {lengths[-1]} tokens, "
        f"{lengths[len(lengths) // 2]} in the median; {len(report.held_out)} more to try the ranges on"
    )
    tensors = report.tensors
    clipped = {name: each.clipped for name, each in tensors.items() if each.clipped}
    if not report.held_out:
        yield "values clipped on other texts: not measured, there are too few texts"
    else:
        yield f"values clipped on other texts: {_named(clipped, lambda share: f'{share:.4%}') or 'none'}"
    outliers = {name: each.outliers for name, each in tensors.items() if each.outliers}
    yield f"channels over six times the median one: {_named(outliers, str) or 'none'}"
    dead = {name: each.dead for name, each in tensors.items() if each.dead}
    if dead:
        yield f"channels that are always zero: {_named(dead, str)}"
    moved = {name: each.moved for name, each in tensors.items() if name in report.unsteady}
    verdict = "more texts would change the ranges" if report.wants_more else "more texts would change little"
    yield (
        f"{verdict}: {len(moved)} of {len(tensors)} ranges move by over 5 % from half of the texts to all"
        + (f": {_named(moved, lambda share: f'{share:.0%}')}" if moved else "")
    )


def _named(values: dict[str, _Number], words: Callable[[_Number], str]) -> str:
    """Return the largest values with the names of their tensors."""
    largest = sorted(values, key=lambda name: values[name], reverse=True)
    more = f" and {len(largest) - _MOST} more" if len(largest) > _MOST else ""
    return ", ".join(f"{name} {words(values[name])}" for name in largest[:_MOST]) + more
