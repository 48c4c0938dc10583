"""From contenders to rows: how good each is on the test data, and how fast."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from edgebert.accuracy.difference import POINTS, difference
from edgebert.accuracy.metrics import Marks, Metric
from edgebert.accuracy.single import score_interval
from edgebert.bench.intervals import Table, estimate
from edgebert.export.compare.contenders import Contender, Form
from edgebert.export.compare.pareto import front
from edgebert.export.compare.report import Measured, Row, Score, Seeds

Pair = tuple[Marks, Marks]  # in FP32 and in INT8


@dataclasses.dataclass(frozen=True)
class Marked:
    """A contender that answered the test data.

    Attributes:
        contender: the row.
        marks: of every seed.
        kept: place of the seed that is the row.
        seed: that seed; None for what is no student.
    """

    contender: Contender
    marks: tuple[Pair, ...]
    kept: int = 0
    seed: int | None = None


@dataclasses.dataclass(frozen=True)
class _Reference:
    """The marks and the times of the teacher in FP32, which everything else is compared with."""

    marks: Marks
    times: Table


def rows_of(metric: Metric, marked: Sequence[Marked], times: Sequence[Table]) -> tuple[Row, ...]:
    """Return the rows of a comparison.

    Args:
        metric: that they are compared by.
        marked: the contenders, the teacher first.
        times: of each of them in FP32 and in INT8, one after the other, float64 [rounds, texts] milliseconds.
    """
    reference = _Reference(marked[0].marks[0][0], times[0])
    pairs = [
        tuple(
            _measured(metric, form, each, side, times[2 * at + side], None if at == side == 0 else reference)
            for side, form in enumerate((each.contender.fp32, each.contender.int8))
        )
        for at, each in enumerate(marked)
    ]
    on_front = front([(int8.latency_ms.value, int8.score.value) for _, int8 in pairs])
    return tuple(_row(each, fp32, int8, best) for each, (fp32, int8), best in zip(marked, pairs, on_front, strict=True))


def _measured(
    metric: Metric, form: Form, marked: Marked, side: int, times: Table, reference: _Reference | None
) -> Measured:
    if reference is None:
        (latency,), faster = estimate(_median, times), None
    else:
        latency, faster = estimate(_median_and_ratio, times, reference.times)
    return Measured(
        engine=form.engine,
        score=_score(metric, marked.marks[marked.kept][side], None if reference is None else reference.marks),
        seeds=Seeds.of([POINTS * metric.score(pair[side]) for pair in marked.marks]),
        latency_ms=latency,
        times_faster=faster,
        model_bytes=form.model_bytes,
    )


def _score(metric: Metric, marks: Marks, baseline: Marks | None) -> Score:
    low, high = score_interval(metric, marks)
    drop = None if baseline is None else difference(metric, baseline, marks)
    return Score(POINTS * metric.score(marks), POINTS * low, POINTS * high, drop)


def _median(times: Table) -> Table:
    return np.array([np.median(times)])


def _median_and_ratio(times: Table, reference: Table) -> Table:
    """Return the median, and the median of the ratios of paired times."""
    return np.array([np.median(times), np.median(reference / times)])


def _row(marked: Marked, fp32: Measured, int8: Measured, on_front: bool) -> Row:
    contender = marked.contender
    return Row(
        name=contender.name,
        bundle=contender.bundle,
        settings=contender.settings,
        layers=contender.layers,
        width=contender.width,
        parameters=contender.parameters,
        seed=marked.seed,
        fp32=fp32,
        int8=int8,
        on_front=on_front,
    )
