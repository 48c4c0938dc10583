"""Count magnitudes in bounded memory, so that any split of the values, merged in any order, gives the same counts."""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BINS = 8192  # the largest value lies in the upper half, so a bin is at most 1/4096 of it
_LEAST_EXPONENT = -126  # of the width of a bin; its inverse is still a float32
_BITS = BINS.bit_length() - 1


class Histogram:
    """Counts of magnitudes in equal bins from zero.

    The width of a bin is a power of two that depends on the largest value alone; when a larger value comes, neighbours
    are added up. floor(floor(x / w) / 2) = floor(x / 2w), so nothing is lost against counting with the last width.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.largest = 0.0
        self._exponent = _LEAST_EXPONENT

    @property
    def width(self) -> float:
        """The width of a bin."""
        return math.ldexp(1.0, self._exponent)

    def add(self, magnitudes: Floats) -> None:
        """Count finite float32 values that are not negative, of any shape."""
        self._cover(float(magnitudes.max(initial=0.0)))
        places = (magnitudes.ravel() * np.float32(1 / self.width)).astype(np.int64)  # exact: a power of two
        self.counts += np.bincount(places, minlength=BINS)

    def merge(self, other: "Histogram") -> None:
        """Add what another histogram counted; that one is not changed."""
        self._cover(other.largest)
        self.counts += _coarser(other.counts, self._exponent - other._exponent)

    def _cover(self, value: float) -> None:
        self.largest = max(self.largest, value)
        needed = math.frexp(self.largest)[1] - _BITS if self.largest > 0 else _LEAST_EXPONENT
        exponent = max(needed, _LEAST_EXPONENT)
        self.counts = _coarser(self.counts, exponent - self._exponent)
        self._exponent = exponent


def _coarser(counts: npt.NDArray[np.int64], doublings: int) -> npt.NDArray[np.int64]:
    """Return the counts in bins that are 2 ** doublings times as wide."""
    kept = BINS >> min(doublings, _BITS)
    wider = np.zeros_like(counts)
    wider[:kept] = counts.reshape(kept, -1).sum(axis=1)
    return wider
