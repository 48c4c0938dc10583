"""Read what to do in a row, from the tables of a recipe file and from flags."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.bench import Settings as BenchSettings
from edgebert.errors import InputError
from edgebert.export.chain import Chain
from edgebert.export.checkpoint import demo_checkpoint
from edgebert.export.recipe import Recipe, RecipeFile, model_name, output_of, target_of
from edgebert.export.tables import Table, hints_of
from edgebert.export.texts import read_export_texts

if TYPE_CHECKING:  # it needs the extra "train"
    from edgebert.export.train import Distill

NO_BENCH = "none"

_LAYERS = 3


@dataclasses.dataclass(frozen=True)
class Flags:
    """What the command line says; it wins over the file.

    Attributes:
        settings: of the export.
        distill: as ``--distill`` has it; None where it was not given.
        data: ``train`` and ``dev`` of the distillation, those that were given.
        bench: as ``--bench`` has it, ``"none"`` for no benchmark; None where it was not given.
    """

    settings: Mapping[str, Any]
    distill: str | None
    data: Mapping[str, str]
    bench: str | None


def read_chain(file: RecipeFile | None, flags: Flags) -> Chain:
    """Read a chain and check everything that can be checked before hours of training.

    Raises:
        InputError: a setting is unknown, of the wrong type or cannot be used, or a file is not there.
    """
    settings = {**({} if file is None else file.settings), **flags.settings}
    if (file is None or file.distill is None) and flags.distill is None:
        if flags.data:
            raise InputError(f"--{next(iter(flags.data))} is of --distill: give --distill layers=3 too")
        recipe = Recipe(**settings)
        return Chain(recipe, bench=_bench(file, flags, False))
    chain = distilled(settings, _distill_settings(file, flags))
    on_cpu = target_of(chain.recipe).platform is None  # another device is not measured here
    chain = dataclasses.replace(chain, bench=_bench(file, flags, on_cpu))
    _check_sources(chain)
    return chain


def distilled(settings: Mapping[str, Any], table: Mapping[str, Any]) -> Chain:
    """Return the chain of a distillation and the export of its student.

    Args:
        settings: those of the export by name; its model is the teacher.
        table: those of the distillation by name, with ``student`` for the folder of a student that is to be kept.

    Raises:
        InputError: a setting cannot be used.
    """
    teacher = Recipe(**settings)
    layers = table.get("layers", _LAYERS)
    name = teacher.name or f"{model_name(teacher.model)}-{layers}-layers"
    kept: Path | None = table.get("student")
    output = output_of(dataclasses.replace(teacher, name=name))
    student = output.with_name(f".{output.name}.student") if kept is None else kept
    distill = _distillation(table, teacher, student)
    if student.absolute() == output.absolute():
        raise InputError(f"{output} is the bundle's folder: give the student another")
    if kept is None and distill.resume:
        raise InputError("resume goes on with a student that is kept: name its folder with student")
    # the student has a folder, so what a recipe asks of one's own model is checked here
    recipe = dataclasses.replace(teacher, model=str(student), name=name, output=output)
    return Chain(recipe, distill, kept is not None)


def _distill_settings(file: RecipeFile | None, flags: Flags) -> dict[str, Any]:
    """Return the settings of the distillation, those of the flags over those of the file."""
    from edgebert.export.train import Distill, Shape, Training

    hints = hints_of(Distill, Shape, Training, without=("output", "shape", "training", "force")) | {"student": Path}
    settings: dict[str, Any] = {}
    if file is not None and file.distill is not None:
        settings = Table(str(file.path), "[distill]", hints, file.path.parent).typed(file.distill)
    if flags.distill is not None:
        settings |= Table("--distill", "it", hints).parsed(flags.distill)
    settings |= flags.data
    if "train" not in settings:
        raise InputError("distill has nothing to learn from: give train in [distill], or --train FILE")
    return settings


def _distillation(settings: Mapping[str, Any], recipe: Recipe, student: Path) -> "Distill":
    from edgebert.export.train import Distill, Shape, Training
    from edgebert.export.train.distill_settings import TRAINING

    if "teachers" in settings and recipe.model is not None:
        raise InputError("model is the teacher already: leave it out, or teachers")

    def of(kind: type) -> dict[str, Any]:
        return {name: settings[name] for name in hints_of(kind) if name in settings}

    own: dict[str, Any] = {"teachers": (recipe.model or demo_checkpoint(),), **of(Distill)}
    shape = Shape(**{"layers": _LAYERS, **of(Shape)})
    training = dataclasses.replace(TRAINING, **of(Training))
    return Distill(**own, output=student, shape=shape, training=training, force=recipe.force)


def _bench(file: RecipeFile | None, flags: Flags, unless_asked: bool) -> BenchSettings | None:
    """Return the benchmark; ``unless_asked`` says whether there is one where nobody says a word about it."""
    asked = None if file is None else file.bench
    hints = hints_of(BenchSettings)
    settings: dict[str, Any] = {}
    if file is not None and isinstance(asked, Mapping):
        settings = Table(str(file.path), "[bench]", hints, file.path.parent).typed(asked)
    wanted = unless_asked if asked is None else asked is not False
    if flags.bench is not None:
        wanted = flags.bench != NO_BENCH
        settings |= Table("--bench", "it", hints).parsed(flags.bench) if wanted else {}
    return BenchSettings(**settings) if wanted else None


def _check_sources(chain: Chain) -> None:
    """Refuse files of later stages that cannot be read, before the distillation and not after."""
    recipe, distill = chain.recipe, chain.distill
    read_export_texts(recipe.calibration, recipe.column)
    texts = None if chain.bench is None else chain.bench.texts
    data = () if distill is None else (distill.train, distill.dev, distill.unlabelled)
    check_files(*data, recipe.evaluate, recipe.ranges, texts)


def check_files(*sources: str | os.PathLike[str] | None) -> None:
    """Refuse sources that are neither files nor of the hub; None is no source.

    Raises:
        InputError: there is no such file.
    """
    for source in sources:
        if source is not None and not str(source).startswith("hub:") and not Path(source).is_file():
            raise InputError(f"cannot read {source}: there is no such file")
