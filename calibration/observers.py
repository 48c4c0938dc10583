"""Observers: see the values of an activation text by text and say how far a symmetric INT8 range should reach.

All stream in bounded memory, and observers of parts of the texts, merged in any order, say what one of all says.
To add one: a subclass of `Observer` with a name in `_MAKERS`.
"""

import abc
from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edgebert.calibration.histogram import BINS, Histogram
from edgebert.errors import InputError

Floats = npt.NDArray[np.float32]

LEVELS = 127  # codes on each side of zero
SMALLEST_AMAX = LEVELS * 2.0**-24  # its scale is the smallest number above zero of FP16, so no scale is ever zero

_O = TypeVar("_O", bound="Observer")

_FIXED_POINT = 1 << 149  # times any float32 is whole, so sums are exact and do not depend on the order
_KL_BINS = 2048  # as in TensorRT; with finer ones the divergence is that of noise
_KL_STRIDE = 8  # bins between candidates
_MSE_CANDIDATES = tuple(step / 100 for step in range(15, 101))  # shares of the largest value


class Observer(abc.ABC):
    """What an activation looked like so far.

    Attributes:
        name: what `observer_named` takes.
    """

    name: str

    def observe(self, values: Floats) -> None:
        """Take the values of one text, float32 of any shape, without padding.

        Raises:
            InputError: a value is NaN or infinite.
        """
        magnitudes = np.abs(values)
        if not np.isfinite(magnitudes.max(initial=0.0)):
            raise InputError("a value is NaN or infinite")
        self._add(magnitudes)

    def amax(self) -> float:
        """Return the end of the range, which is above zero even where every value is zero."""
        return max(self._estimate(), SMALLEST_AMAX)

    @abc.abstractmethod
    def merge(self, other: "Observer") -> None:
        """Add what another observer of the same kind saw; that one is not changed."""

    @abc.abstractmethod
    def _add(self, magnitudes: Floats) -> None: ...

    @abc.abstractmethod
    def _estimate(self) -> float: ...


class MinMax(Observer):
    """The largest magnitude: nothing is clipped."""

    name = "min-max"

    def __init__(self) -> None:
        self._largest = 0.0

    def merge(self, other: Observer) -> None:
        """Add what another one saw."""
        self._largest = max(self._largest, _same(self, other)._largest)

    def _add(self, magnitudes: Floats) -> None:
        self._largest = max(self._largest, float(magnitudes.max(initial=0.0)))

    def _estimate(self) -> float:
        return self._largest


class MovingAverage(Observer):
    """The mean over texts of the largest magnitude of each: one odd text moves it little."""

    name = "moving-average"

    def __init__(self) -> None:
        self._sum = 0  # of the largest values, times _FIXED_POINT
        self._texts = 0

    def merge(self, other: Observer) -> None:
        """Add what another one saw."""
        same = _same(self, other)
        self._sum += same._sum
        self._texts += same._texts

    def _add(self, magnitudes: Floats) -> None:
        self._sum += int(Fraction(float(magnitudes.max(initial=0.0))) * _FIXED_POINT)
        self._texts += 1

    def _estimate(self) -> float:
        return float(Fraction(self._sum, _FIXED_POINT * max(self._texts, 1)))


class _Counting(Observer):
    """An observer that decides from a histogram."""

    def __init__(self) -> None:
        self._histogram = Histogram()

    def merge(self, other: Observer) -> None:
        """Add what another one saw."""
        self._histogram.merge(_same(self, other)._histogram)

    def _add(self, magnitudes: Floats) -> None:
        self._histogram.add(magnitudes)

    def _end(self, bins: int) -> float:
        return min(bins * self._histogram.width, self._histogram.largest)


class Percentile(_Counting):
    """The smallest end of a bin that a given share of the magnitudes does not exceed.

    Args:
        percent: above 0, at most 100.
    """

    def __init__(self, percent: float = 99.99) -> None:
        super().__init__()
        if not 0 < percent <= 100:
            raise InputError(f"the percentile is {percent:g}: give a number above 0, at most 100")
        self._share = percent / 100
        self.name = f"percentile-{percent:g}"

    def _estimate(self) -> float:
        below = np.cumsum(self._histogram.counts)
        return self._end(1 + int(np.searchsorted(below, self._share * below[-1])))


class Entropy(_Counting):
    """The range whose quantized distribution tells the least from the real one (Kullback-Leibler divergence).

    Migacz, "8-bit Inference with TensorRT", GTC 2017: values beyond the range count in its last bin, bins are summed to
    128 levels, and each level is spread again over those of its bins that are not empty.
    """

    name = "entropy"

    def _estimate(self) -> float:
        counts = self._histogram.counts.reshape(_KL_BINS, -1).sum(axis=1)
        last = int(np.flatnonzero(counts).max(initial=0)) + 1
        candidates = [*range(LEVELS + 1, last, _KL_STRIDE), last]
        best = min(candidates, key=lambda bins: _divergence(counts, bins))
        return self._end(best * (BINS // _KL_BINS))


class MSE(_Counting):
    """The range with the least squared error of rounding and clipping together."""

    name = "mse"

    def _estimate(self) -> float:
        filled = np.flatnonzero(self._histogram.counts)
        counts = self._histogram.counts[filled]
        values = (filled + 0.5) * self._histogram.width

        def error(share: float) -> float:
            scale = max(share * self._histogram.largest, SMALLEST_AMAX) / LEVELS
            restored = np.minimum(np.rint(values / scale), LEVELS) * scale
            return float(counts @ np.square(values - restored))

        return min(_MSE_CANDIDATES, key=error) * self._histogram.largest


_MAKERS: dict[str, Callable[[], Observer]] = {each.name: each for each in (MinMax, MovingAverage, Entropy, MSE)}
_PERCENTILE = "percentile-"


def observer_named(name: str) -> Callable[[], Observer]:
    """Return what makes observers of a name: ``min-max``, ``moving-average``, ``entropy``, ``mse``, ``percentile-P``.

    Raises:
        InputError: there is no such observer.
    """
    if name in _MAKERS:
        return _MAKERS[name]
    try:
        percent = float(name.removeprefix(_PERCENTILE)) if name.startswith(_PERCENTILE) else 0.0
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise InputError(f"there is no observer {name!r}: choose one of {', '.join(_MAKERS)}, or percentile-99.99")
    return lambda: Percentile(percent)


def _same(observer: _O, other: Observer) -> _O:
    if not isinstance(other, type(observer)) or other.name != observer.name:
        raise ValueError(f"an observer {observer.name} cannot take in a {other.name}")
    return other


def _divergence(counts: npt.NDArray[np.int64], bins: int) -> float:
    """Return the divergence of the first bins, summed to 128 levels, from all bins."""
    reference = counts[:bins].astype(np.float64)
    reference[-1] += counts[bins:].sum()
    used = reference > 0
    levels = min(LEVELS + 1, bins)
    starts = np.arange(levels) * bins // levels
    filled = np.add.reduceat(used.astype(np.int64), starts)
    each = np.add.reduceat(counts[:bins], starts) / np.maximum(filled, 1)
    candidate = np.repeat(each, np.diff(starts, append=bins))[used]
    if not candidate.all():
        return np.inf  # the last level has nothing but what was clipped
    p, q = reference[used] / reference.sum(), candidate / candidate.sum()
    return float(p @ np.log(p / q))
