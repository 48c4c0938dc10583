"""What to export, from flags or from a TOML file."""

import dataclasses
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgebert import manifest
from edgebert.calibration import BUILTIN
from edgebert.errors import InputError
from edgebert.export.tables import Table, hints_of
from edgebert.export.targets import Target, target_named

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TASKS = ("auto", *manifest.TASKS)
PRECISIONS = ("int8", "fp16", "fp32")

_MAX_DROP = 100  # points


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides the bytes of a bundle, and where it goes.

    Attributes:
        output: folder of the bundle to write; None: NAME-PRECISION-TARGET.bundle in the current folder.
        model: checkpoint folder or hub id; None is the MiniLM of the ``demo`` extra.
        task: ``embed``, ``classify``, ``tag``, ``answer`` or ``auto`` (what the checkpoint was made for).
        precision: ``int8``, ``fp16`` (of a Jetson) or ``fp32`` (of a CPU).
        precise: 14-bit activations in INT8 on the engine ``native``: nearer to FP32, and slower.
        target: name of a target, see `edgebert.export.targets`.
        jetpack: of a Jetson: 5, 6 or 7; None is the most common one of the board.
        tensorrt: of a Jetson: a release such as ``"10.3"`` that is meant instead of those of its JetPack.
        static: fix the ranges of activations at export on a CPU too; a Jetson's always are.
        linear_only: for a Jetson: leave residuals and attention in float; nearer to FP32, but TensorRT converts around
            each of them.
        calibration: file of texts, ``"builtin"`` or ``"hub:NAME"``, see `edgebert.calibration.open_source`: the texts
            for smoothing, for fixed ranges and for the comparison with FP32; None: the built-in ones.
        ranges: file of `edgebert calibrate` with smoothing and fixed ranges, which are then not measured again.
        column: column or field of ``calibration``; None takes its default.
        name: name of the bundle in the manifest; None takes the checkpoint's.
        slim: leave out the FP32 baseline.
        force: replace ``output`` where it exists.
        max_drop: points, hundredths of the metric, that INT8 may lose; None: whatever it loses. See
            ``docs/accuracy-gate.md``.
        evaluate: texts with labels or scores that the loss is measured on, a file or ``hub:``; None: agreement with
            FP32 on texts of ``calibration``.
        accept_unresolved: accept a model too of which the texts are too few to tell.
        search_minutes: how long to look for layers to return to float, for each engine that loses more or may.
    """

    output: Path | None = None
    model: str | None = None
    task: str = "auto"
    precision: str = "int8"
    precise: bool = False
    target: str = "cpu"
    jetpack: int | None = None
    tensorrt: str | None = None
    static: bool = False
    linear_only: bool = False
    calibration: str | None = None
    ranges: Path | None = None
    column: str | None = None
    name: str | None = None
    slim: bool = False
    force: bool = False
    max_drop: float | None = None
    evaluate: str | None = None
    accept_unresolved: bool = False
    search_minutes: float = 10.0

    def __post_init__(self) -> None:
        _check_choice("task", self.task, TASKS)
        _check_choice("precision", self.precision, PRECISIONS)
        if self.precise and self.precision != "int8":
            raise InputError(f"precise is of int8 models, the precision is {self.precision!r}: leave one out")
        target = target_of(self)
        served = _served(target)
        if self.precision not in served:
            raise InputError(
                f"precision is {self.precision!r}, {target.name} is served in {' or '.join(served)}: choose one of them"
            )
        if self.measures and self.model is not None and self.calibration is None:
            raise InputError(
                "INT8 with fixed ranges needs texts like those of the device: give --calibration FILE, or "
                f"--calibration {BUILTIN} to insist on the built-in ones"
            )
        _check_gate(self)

    @property
    def measures(self) -> bool:
        """Whether ranges of activations are measured on the texts of the recipe."""
        fixed = self.precision == "int8" and (self.static or target_of(self).platform is not None)
        return fixed and self.ranges is None


def target_of(recipe: Recipe) -> Target:
    """Return the target of a recipe."""
    return target_named(recipe.target, recipe.jetpack, recipe.tensorrt)


def output_of(recipe: Recipe) -> Path:
    """Return the folder that a recipe writes."""
    if recipe.output is not None:
        return recipe.output
    name = recipe.name or model_name(recipe.model)
    return Path(f"{name}-{recipe.precision}-{target_of(recipe).name}.bundle")


def model_name(model: str | None) -> str:
    """Return the name that a bundle has unless it is given one."""
    return "all-MiniLM-L6-v2" if model is None else Path(model).resolve().name


@dataclasses.dataclass(frozen=True)
class RecipeFile:
    """The tables of a recipe file, as TOML has them; None where there is none.

    Attributes:
        path: of the file.
        settings: of the export.
        distill: of the distillation before it.
        bench: of the benchmark after it; False for none.
    """

    path: Path
    settings: Mapping[str, Any]
    distill: Mapping[str, object] | None
    bench: Mapping[str, object] | bool | None


def read_recipe(path: Path) -> dict[str, Any]:
    """Read the settings of a recipe file that only exports; paths in it are relative to the file.

    Raises:
        InputError: the file is missing, not TOML, has an unknown key or a value of the wrong type, or does more.
    """
    file = read_recipe_file(path)
    if file.distill is not None or file.bench:
        raise InputError(f"{path} does more than to export: run it with `edgebert export --recipe`")
    return dict(file.settings)


def read_recipe_file(path: Path) -> RecipeFile:
    """Read a recipe file with all of its tables.

    Raises:
        InputError: the file is missing, not TOML, or has an unknown key or a value of the wrong type.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the recipe {path}: {error.strerror}") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise InputError(f"{path} is not valid TOML: {error}") from error
    distill, bench = tables.pop("distill", None), tables.pop("bench", None)
    if distill is not None and not isinstance(distill, dict):
        raise InputError(f"{path}: distill is {distill!r}, it must be a table")
    if bench is not None and bench is not False and not isinstance(bench, dict):
        raise InputError(f"{path}: bench is {bench!r}, it must be a table or false")
    settings = Table(str(path), "a recipe", hints_of(Recipe), path.parent).typed(tables)
    return RecipeFile(path, settings, distill, bench)


def _check_gate(recipe: Recipe) -> None:
    if recipe.max_drop is None:
        if recipe.evaluate is not None or recipe.accept_unresolved:
            raise InputError("without max_drop nothing is judged: give --max-drop POINTS, such as 0.5")
    elif recipe.precision != "int8":
        raise InputError(f"max_drop is for INT8, and precision is {recipe.precision!r}: leave one of them out")
    elif not 0 <= recipe.max_drop <= _MAX_DROP:
        raise InputError(f"max_drop is {recipe.max_drop:g}: give points from 0 to {_MAX_DROP}, such as 0.5")
    if not 0 <= recipe.search_minutes < math.inf:
        raise InputError(f"search_minutes is {recipe.search_minutes:g}: give a number from 0")


def _served(target: Target) -> tuple[str, ...]:
    """Return the precisions of a target; a Jetson's bundles hold an FP32 baseline anyway."""
    return ("int8", "fp32") if target.platform is None else ("int8", "fp16")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}: choose one of {', '.join(choices)}")
