"""Sums of vectors by key, in memory that grows with the keys alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgebert.engines import Floats

_FIRST = 1024  # keys that there is room for at first


class Lexicon:
    """The mean vector and the number of occurrences of each key."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._rows: dict[str, int] = {}
        self._sums = np.zeros((_FIRST, dimension), np.float64)
        self._counts = np.zeros(_FIRST, np.int64)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._rows)

    def add(self, keys: Sequence[str], vectors: Floats) -> None:
        """Add one occurrence of each key with its vector, float32 [keys, dimension]; keys may repeat."""
        rows = [self._rows.setdefault(key, len(self._rows)) for key in keys]
        self._make_room()
        np.add.at(self._sums, rows, vectors)
        np.add.at(self._counts, rows, 1)

    def most_frequent_first(self, min_count: int = 1) -> list[str]:
        """Return the keys that occur ``min_count`` times or more; of equal ones the first that occurred first."""
        keys = [key for key, row in self._rows.items() if self._counts[row] >= min_count]
        return sorted(keys, key=lambda key: -self.count(key))

    def count(self, key: str) -> int:
        """Return how often a key occurred."""
        return int(self._counts[self._rows[key]])

    def vector(self, key: str) -> Floats:
        """Return the mean vector of a key, float32 [dimension]."""
        row = self._rows[key]
        mean: npt.NDArray[np.float64] = self._sums[row] / self._counts[row]
        return mean.astype(np.float32)

    def _make_room(self) -> None:
        size = len(self._counts)
        if len(self._rows) <= size:
            return
        more = max(size, len(self._rows) - size)
        self._sums = np.concatenate([self._sums, np.zeros((more, self.dimension), np.float64)])
        self._counts = np.concatenate([self._counts, np.zeros(more, np.int64)])
