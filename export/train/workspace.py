"""The folder beside the output in which a run keeps what it needs to go on after it was killed."""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from edgebert.errors import InputError
from edgebert.files import put_folder, read_json, sha256_of, write_json

_SETTINGS = "settings.json"
_SUFFIX = ".training"
_SETTINGS_MAX = 1 << 20  # bytes


def workspace_of(output: Path) -> Path:
    """Return the folder that belongs to an output."""
    return output.absolute().with_name(f"{output.name}{_SUFFIX}")


def open_workspace(output: Path, settings: Mapping[str, object], resume: bool) -> None:
    """Make the workspace, empty unless ``resume``; the work of one process alone.

    Args:
        output: what the run will write.
        settings: everything that decides its weights.
        resume: go on where a run with the same settings was cut off.

    Raises:
        InputError: that run had other settings.
    """
    folder = workspace_of(output)
    wanted = json.loads(json.dumps(settings))
    if resume and (folder / _SETTINGS).is_file():
        found = read_json(folder / _SETTINGS, _SETTINGS_MAX)
        if found != wanted:
            raise InputError(
                f"{folder} was begun with other settings ({_difference(found, wanted)}): repeat them, or drop --resume"
            )
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    write_json(folder / _SETTINGS, wanted)


def publish_workspace(output: Path) -> None:
    """Make a workspace that holds the output itself the output, without what runs that were killed left in it."""
    folder = workspace_of(output)
    for left in folder.iterdir():
        if left.is_dir() and (left.name.startswith(".") or left.name.endswith(_SUFFIX)):
            shutil.rmtree(left)
    put_folder(folder, output.absolute())
    (output / _SETTINGS).unlink()


def check_output(output: Path, force: bool) -> None:
    """Refuse an output that cannot be written, before hours of training and not after.

    Raises:
        InputError: it exists.
    """
    if output.exists() and not (force and output.is_dir()):
        raise InputError(f"{output} exists: choose another output or pass --force to replace it")


def fingerprint(source: str | None) -> str | None:
    """Return what tells whether a data source or a checkpoint is still the same: its name, for a file also its hash."""
    if source is None:
        return None
    path = Path(source)
    if path.is_file():
        return f"{source} {sha256_of(path)}"
    weights = sorted(path.glob("*.safetensors")) if path.is_dir() else []
    return " ".join([source, *map(sha256_of, weights)])


def to_json(settings: object) -> dict[str, object]:
    """Return a dataclass as JSON, with paths as texts."""
    if not dataclasses.is_dataclass(settings) or isinstance(settings, type):
        raise TypeError(f"{type(settings).__name__} is no dataclass")
    document: dict[str, object] = json.loads(json.dumps(dataclasses.asdict(settings), default=str))
    return document


def _difference(found: object, wanted: Mapping[str, object]) -> str:
    if not isinstance(found, Mapping):
        return "they cannot be read"
    for name in {**found, **wanted}:
        one, other = found.get(name), wanted.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping) and one != other:
            return _difference(one, other)
        if one != other:
            return f"{name} was {one!r}, is now {other!r}"
    return "another order"
