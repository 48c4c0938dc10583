"""Settings from a table of a TOML file, or from NAME=VALUE on the command line, with the types of a dataclass."""

import collections.abc
import contextlib
import dataclasses
import math
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgebert.calibration import BUILTIN
from edgebert.errors import InputError

_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a text",
}

_EXACT = 1 << 53  # whole numbers below it are floats too

_DATA = ("calibration", "train", "dev", "unlabelled")  # files, unless they are of the hub
_PERHAPS_FILES = ("model", "evaluate", "mlm", "teachers")  # files where there is one of the name, else names of the hub


@dataclasses.dataclass(frozen=True)
class Table:
    """Where settings stand, and which there are.

    Attributes:
        where: what an error begins with, such as the path of the file.
        owner: whose settings they are, as an error calls it.
        hints: types by name, see `hints_of`.
        folder: what paths are relative to.
    """

    where: str
    owner: str
    hints: Mapping[str, Any]
    folder: Path = Path()

    def typed(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Return the settings with the types of the dataclass.

        Raises:
            InputError: a key is unknown or a value is of the wrong type.
        """
        for name in values:
            if name not in self.hints:
                raise InputError(f"{self.where}: unknown key {name!r}: {self.owner} has {', '.join(self.hints)}")
        return {name: self._typed(name, value) for name, value in values.items()}

    def parsed(self, text: str) -> dict[str, Any]:
        """Return the settings of "layers=3,keep=0,2,5,prune-ffn=768,losses.logits=1".

        Raises:
            InputError: as `typed`, or a part has no name.
        """
        values: dict[str, Any] = {}
        for name, found in self._parts(text).items():
            key, dot, inner = name.partition(".")
            key = key.replace("-", "_")  # as flags have it
            container, kind = _form(self.hints.get(key, str))
            read = [_number(each, kind) for each in found]
            one = read if container is tuple or len(read) > 1 else read[0]
            table = values.setdefault(key, {}) if dot else None
            if isinstance(table, dict):
                table[inner] = one
            elif not dot:
                values[key] = one
        return self.typed(values)

    def _parts(self, text: str) -> dict[str, list[str]]:
        """Return the texts by name; a part without a name belongs to the one before."""
        parts: dict[str, list[str]] = {}
        name = ""
        for part in text.split(","):
            before, equals, value = part.partition("=")
            name = before.strip() if equals else name
            if not name:
                raise InputError(f"{self.where} is {text!r}: give NAME=VALUE, more of them with commas between")
            parts.setdefault(name, []).append((value if equals else part).strip())
        return parts

    def _typed(self, name: str, value: object) -> object:
        container, kind = _form(self.hints[name])
        if container is tuple and isinstance(value, (list, tuple)):
            return tuple(self._single(name, each, kind) for each in value)
        if container is dict and isinstance(value, dict):
            return {key: self._single(f"{name}.{key}", each, kind) for key, each in value.items()}
        if container is not None:
            wanted = "a list" if container is tuple else f"a table of NAME = {_KINDS[kind]}"
            raise InputError(f"{self.where}: {name} is {value!r}, it must be {wanted}")
        return self._single(name, value, kind)

    def _single(self, name: str, value: object, kind: type) -> object:
        if kind is float and type(value) is int and abs(value) < _EXACT:
            value = float(value)
        accepted = (str, Path) if kind is Path else kind
        wrong = not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool))
        if wrong or (isinstance(value, float) and not math.isfinite(value)):
            raise InputError(f"{self.where}: {name} is {value!r}, it must be {_KINDS[kind]}")
        if kind is Path:
            return self.folder / str(value)
        return self._placed(name, value) if isinstance(value, str) else value

    def _placed(self, name: str, value: str) -> str:
        """Return a text with the folder before it where it names a file."""
        data = name in _DATA and value != BUILTIN and not value.startswith("hub:")
        if data or (name in _PERHAPS_FILES and (self.folder / value).exists()):
            return str(self.folder / value)
        return value


def hints_of(*classes: type, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the types of all fields of some dataclasses by name, but those of ``without``."""
    hints: dict[str, Any] = {}
    for each in classes:
        hints.update(typing.get_type_hints(each))
    return {name: hint for name, hint in hints.items() if name not in without}


def _form(hint: Any) -> tuple[type | None, type]:  # noqa: ANN401  (a type, or what typing makes of several)
    """Return what a type is a container of, tuple or dict or None for none, and the kind of one value."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(arm for arm in reversed(typing.get_args(hint)) if arm is not types.NoneType)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return tuple, inner[0]
    if origin is collections.abc.Mapping:
        return dict, inner[1]
    return None, Path if origin is os.PathLike else hint


def _number(text: str, kind: type) -> object:
    """Return a text as what it should be, or as it is where it is not: the check that follows says so."""
    if kind is bool:
        return {"true": True, "false": False}.get(text, text)
    with contextlib.suppress(ValueError):
        return kind(text) if kind in (int, float) else text
    return text
