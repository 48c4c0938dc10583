"""Examples as numbers on disk, so that a training set of any size takes little memory.

A store is a folder with a file of values and a file of lengths for each column; `store.json` names their types. An
example is a one-dimensional array of its own length in each column, for example its token ids.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from edgebert.errors import InputError
from edgebert.files import new_folder, read_json, write_json

Array = npt.NDArray[Any]
Features = Mapping[str, Array]  # one example: a one-dimensional array by column

_INDEX = "store.json"
_INDEX_MAX = 1 << 20  # bytes


class Store:
    """A folder of examples that `write_store` wrote; values are mapped, never read whole."""

    def __init__(self, folder: Path) -> None:
        index = read_json(folder / _INDEX, _INDEX_MAX)
        if not isinstance(index, dict):
            raise InputError(f"{folder / _INDEX} is damaged: delete {folder.parent} and train again")
        self._count = int(index["examples"])
        self._columns = {name: _Column(folder, name, np.dtype(kind)) for name, kind in index["columns"].items()}

    def __len__(self) -> int:
        """Return the number of examples."""
        return self._count

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    def lengths(self, column: str = "input_ids") -> npt.NDArray[np.int64]:
        """Return how many values each example has in a column, int64 [examples]."""
        return np.diff(self._columns[column].offsets)

    def get(self, column: str, example: int) -> Array:
        """Return the values of one example in a column."""
        return self._columns[column].get(example)

    def all(self, column: str) -> Array:
        """Return the values of all examples in a column, one after the other, mapped from disk."""
        return self._columns[column].values


class _Column:
    def __init__(self, folder: Path, name: str, kind: np.dtype[Any]) -> None:
        lengths = np.fromfile(folder / f"{name}.lengths", dtype=np.int32)
        self.offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        path = folder / f"{name}.values"
        empty = path.stat().st_size == 0  # which cannot be mapped
        self.values: Array = np.empty(0, kind) if empty else np.memmap(path, dtype=kind, mode="r")

    def get(self, example: int) -> Array:
        return np.asarray(self.values[self.offsets[example] : self.offsets[example + 1]])


def write_store(folder: Path, examples: Iterable[Features]) -> Store:
    """Write examples one by one and return the store; all have the same columns and types.

    Raises:
        InputError: there is no example.
    """
    count = 0
    files: dict[str, tuple[BinaryIO, BinaryIO]] = {}
    kinds: dict[str, str] = {}
    with new_folder(folder, replace=True) as draft:
        try:
            for features in examples:
                for name, values in features.items():
                    if name not in files:
                        kinds[name] = values.dtype.str
                        files[name] = ((draft / f"{name}.values").open("wb"), (draft / f"{name}.lengths").open("wb"))
                    files[name][0].write(values.astype(kinds[name], copy=False).tobytes())
                    files[name][1].write(np.int32(len(values)).tobytes())
                count += 1
        finally:
            for pair in files.values():
                for file in pair:
                    file.close()
        if not count:
            raise InputError("there is no example to train on: the source has no rows")
        write_json(draft / _INDEX, json.loads(json.dumps({"examples": count, "columns": kinds})))
    return Store(folder)
