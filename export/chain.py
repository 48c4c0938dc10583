"""Distill, export and bench in a row, as one recipe says."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.bench import BenchReport
from edgebert.bench import Settings as BenchSettings
from edgebert.bench import run as run_bench
from edgebert.bundle import Bundle
from edgebert.errors import InputError
from edgebert.export.pipeline import export
from edgebert.export.recipe import Recipe, output_of

if TYPE_CHECKING:  # it needs the extra "train"
    from edgebert.export.train import Distill, Report

STUDENT = "student"  # folder of a student that is not kept


@dataclasses.dataclass(frozen=True)
class Chain:
    """What is done in a row.

    Attributes:
        recipe: of the export; its model is the teacher's where there is a distillation, which puts the student there.
        distill: the distillation before it; None for none.
        keep: whether the student stays where ``distill`` writes it; else it is gone when the bundle is written.
        bench: the benchmark after it; None for none.
    """

    recipe: Recipe
    distill: "Distill | None" = None
    keep: bool = False
    bench: BenchSettings | None = None


@dataclasses.dataclass(frozen=True)
class Shows:
    """Who is told how each stage goes; each is opened for its own stage."""

    distill: Callable[[], AbstractContextManager[Any]] = nullcontext
    export: Callable[[], AbstractContextManager[Callable[[str], None]]] = lambda: nullcontext(lambda stage: None)
    bench: Callable[[], AbstractContextManager[Callable[[str, int, int], None]]] = lambda: nullcontext(
        lambda stage, done, total: None
    )


@dataclasses.dataclass(frozen=True)
class Done:
    """What came of a chain; None is what it did not do."""

    bundle: Bundle
    distilled: "Report | None"
    benched: BenchReport | None


def run_chain(chain: Chain, shows: Shows | None = None) -> Done:
    """Distill where that is asked for, export, and bench where that is asked for.

    A stage that fails ends the chain. It leaves neither a bundle nor a student that was not to be kept; one that was to
    be kept stays when it is whole.

    Raises:
        EdgebertError: what the stages raise, see `edgebert.export.train.distill`, `edgebert.export.export` and
            `edgebert.bench.run`.
    """
    shows = shows or Shows()
    report, recipe = None, chain.recipe
    with _distillation(chain) as settings:
        if settings is not None:
            from edgebert.export.train import distill

            with shows.distill() as watcher:
                report = distill(settings, watcher)
            recipe = dataclasses.replace(recipe, model=str(settings.output))
        with shows.export() as show:
            bundle = export(recipe, show)
    if chain.bench is None:
        return Done(bundle, report, None)
    with shows.bench() as progress:
        return Done(bundle, report, run_bench(bundle.path, chain.bench, progress))


@contextlib.contextmanager
def _distillation(chain: Chain) -> "Iterator[Distill | None]":
    """Give the distillation, with a folder beside the bundle for a student that is not kept."""
    output = output_of(chain.recipe).absolute()
    if output.exists() and not chain.recipe.force:
        raise InputError(f"{output} exists: choose another output or pass --force to replace it")
    if chain.distill is None or chain.keep:
        yield chain.distill
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
        yield dataclasses.replace(chain.distill, output=Path(folder) / STUDENT)
