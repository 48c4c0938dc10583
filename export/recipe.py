"""What to export, from flags or from a TOML file."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

from edgebert import manifest
from edgebert.errors import InputError
from edgebert.export.targets import target_named

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TASKS = ("auto", *manifest.TASKS)
PRECISIONS = ("int8", "fp32")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides the bytes of a bundle, and where it goes.

    Attributes:
        output: folder of the bundle to write; None: NAME-PRECISION-TARGET.bundle in the current folder.
        model: checkpoint folder or hub id; None is the MiniLM of the ``demo`` extra.
        task: ``embed``, ``classify``, ``tag``, ``answer`` or ``auto`` (what the checkpoint was made for).
        precision: ``int8`` or ``fp32``.
        precise: 14-bit activations in INT8 on the engine ``native``: nearer to FP32, and slower.
        target: name of a target, see `edgebert.export.targets`.
        texts: file of texts (txt, csv, tsv or jsonl) for smoothing and the comparison with FP32; None: built-in texts.
        column: column or field of ``texts``; None takes its default.
        name: name of the bundle in the manifest; None takes the checkpoint's.
        slim: leave out the FP32 baseline.
        force: replace ``output`` where it exists.
    """

    output: Path | None = None
    model: str | None = None
    task: str = "auto"
    precision: str = "int8"
    precise: bool = False
    target: str = "cpu"
    texts: Path | None = None
    column: str | None = None
    name: str | None = None
    slim: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        _check_choice("task", self.task, TASKS)
        _check_choice("precision", self.precision, PRECISIONS)
        if self.precise and self.precision != "int8":
            raise InputError(f"precise is of int8 models, the precision is {self.precision!r}: leave one out")
        target_named(self.target)


def output_of(recipe: Recipe) -> Path:
    """Return the folder that a recipe writes."""
    if recipe.output is not None:
        return recipe.output
    name = recipe.name or model_name(recipe.model)
    return Path(f"{name}-{recipe.precision}-{target_named(recipe.target).name}.bundle")


def model_name(model: str | None) -> str:
    """Return the name that a bundle has unless it is given one."""
    return "all-MiniLM-L6-v2" if model is None else Path(model).resolve().name


def read_recipe(path: Path) -> dict[str, Any]:
    """Read the settings of a recipe file; paths in it are relative to the file.

    Raises:
        InputError: the file is missing, not TOML, or has an unknown key or a value of the wrong type.
    """
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the recipe {path}: {error.strerror}") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise InputError(f"{path} is not valid TOML: {error}") from error
    return {key: _setting(path, key, value) for key, value in settings.items()}


def _setting(path: Path, key: str, value: object) -> object:
    kinds = {field.name: field.type for field in dataclasses.fields(Recipe)}
    if key not in kinds:
        raise InputError(f"{path}: unknown key {key!r}: a recipe has {', '.join(kinds)}")
    wanted = bool if kinds[key] is bool else str
    if not isinstance(value, wanted):
        raise InputError(f"{path}: {key} is {value!r}, it must be {'true or false' if wanted is bool else 'a text'}")
    if "Path" in str(kinds[key]):
        return path.parent / str(value)
    if key == "model" and (path.parent / str(value)).is_dir():
        return str(path.parent / str(value))
    return value


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}: choose one of {', '.join(choices)}")
