"""Calibrate, and say how far the result can be trusted."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edgebert.calibration.collect import Observers, activations, observer_of
from edgebert.calibration.observers import Observer
from edgebert.calibration.ranges import Range, Ranges
from edgebert.calibration.samples import Sample, Samples

Floats = npt.NDArray[np.float32]

_OUTLIER = 6.0  # times the median channel; the outlier channels of BERT stand out by far more
_MOVES = 0.05  # of a range, about six steps of INT8
_STEADY = 0.25  # share of tensors that may move without more samples being advised


@dataclasses.dataclass(frozen=True)
class TensorReport:
    """How well the range of a tensor is known.

    Attributes:
        amax: the end of the range.
        observer: who said so.
        moved: how far the range of half of the samples is from that of all, as a share of it; the mean of both halves.
        clipped: share of the values of held-out samples beyond the range; None where no sample was held out.
        reached: the largest held-out magnitude as a multiple of the range; None likewise.
        outliers: channels whose largest magnitude is over six times that of the median channel.
        dead: channels that are always zero.
    """

    amax: float
    observer: str
    moved: float
    clipped: float | None
    reached: float | None
    outliers: int
    dead: int


@dataclasses.dataclass(frozen=True)
class CalibrationReport:
    """What was measured on which samples, by tensor."""

    source: str
    texts_read: int
    measured: tuple[int, ...]  # tokens of each sample
    held_out: tuple[int, ...]
    tensors: Mapping[str, TensorReport]

    @property
    def unsteady(self) -> list[str]:
        """The tensors whose range moved when the samples were doubled."""
        return [name for name, each in self.tensors.items() if each.moved > _MOVES]

    @property
    def wants_more(self) -> bool:
        """Whether more samples would change the ranges."""
        return len(self.unsteady) > _STEADY * len(self.tensors)

    def to_json(self) -> dict[str, object]:
        """Return the report as a document."""
        return {
            "source": self.source,
            "texts_read": self.texts_read,
            "samples": _lengths(self.measured),
            "held_out": _lengths(self.held_out),
            "tensors": {name: dataclasses.asdict(each) for name, each in self.tensors.items()},
            "unsteady": self.unsteady,
            "more_samples_would_change_ranges": self.wants_more,
        }


def calibrate(
    graph: bytes, tensors: Sequence[str], observers: Observers, samples: Samples, model_sha256: str
) -> tuple[Ranges, CalibrationReport]:
    """Measure ranges as `collect` does, and what the report says, in one pass over each sample.

    Raises:
        InputError: as of `collect`.
    """
    watches = {name: _Watch(observer_of(name, observers)) for name in tensors}
    for place, (_, values) in enumerate(activations(graph, tensors, samples.measured)):
        for name, watch in watches.items():
            watch.measure(values[name], place % 2)
    for values in _held_out(graph, tensors, samples.held_out):
        for name, watch in watches.items():
            watch.try_on(values[name])
    ranges = {name: watch.range for name, watch in watches.items()}
    report = CalibrationReport(
        source=samples.source,
        texts_read=samples.read,
        measured=tuple(sample.tokens for sample in samples.measured),
        held_out=tuple(sample.tokens for sample in samples.held_out),
        tensors={name: watch.report() for name, watch in watches.items()},
    )
    return Ranges(ranges, model_sha256, samples.sha256, len(samples.measured)), report


class _Watch:
    """Watches one tensor: a half of the samples each, then the held-out ones."""

    def __init__(self, make: Callable[[], Observer]) -> None:
        self._halves = (make(), make())
        self._make = make
        self._channels: Floats | None = None
        self._values = self._clipped = 0
        self._largest = 0.0

    @functools.cached_property
    def range(self) -> Range:
        """The range by all measured samples; nothing can be measured after it was asked for."""
        whole = self._make()
        for half in self._halves:
            whole.merge(half)
        return Range(whole.amax(), whole.name)

    def measure(self, values: Floats, half: int) -> None:
        self._halves[half].observe(values)
        if values.ndim == 3:  # [1, tokens, channels]
            largest = np.abs(values[0]).max(axis=0)
            self._channels = largest if self._channels is None else np.maximum(self._channels, largest)

    def try_on(self, values: Floats) -> None:
        magnitudes = np.abs(values)
        self._values += values.size
        self._clipped += int((magnitudes > self.range.amax).sum())
        self._largest = max(self._largest, float(magnitudes.max(initial=0.0)))

    def report(self) -> TensorReport:
        amax = self.range.amax
        channels = np.zeros(0, np.float32) if self._channels is None else self._channels
        return TensorReport(
            amax=amax,
            observer=self.range.observer,
            moved=float(np.mean([abs(half.amax() - amax) / amax for half in self._halves])),
            clipped=self._clipped / self._values if self._values else None,
            reached=self._largest / amax if self._values else None,
            outliers=int((channels > _OUTLIER * np.median(channels)).sum()) if len(channels) else 0,
            dead=int((channels == 0).sum()),
        )


def _held_out(graph: bytes, tensors: Sequence[str], samples: Sequence[Sample]) -> Iterator[dict[str, Floats]]:
    if samples:
        yield from (values for _, values in activations(graph, tensors, samples))


def _lengths(tokens: Sequence[int]) -> dict[str, float | int | None]:
    if not tokens:
        return {"count": 0, "tokens_least": None, "tokens_median": None, "tokens_most": None}
    return {
        "count": len(tokens),
        "tokens_least": min(tokens),
        "tokens_median": float(np.median(tokens)),
        "tokens_most": max(tokens),
    }
