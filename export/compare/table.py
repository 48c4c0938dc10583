"""A comparison as a table, and what a reader must know to believe it."""

import dataclasses
from collections.abc import Iterator

from edgebert.bench.intervals import Estimate
from edgebert.export.compare.report import ComparisonReport, Measured, Row

HEAD = (
    "model",
    "layers",
    "width",
    "parameters",
    "FP32",
    "INT8",
    "drop",
    "McNemar p",
    "FP32 ms",
    "INT8 ms",
    "INT8 MB",
    "front",
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """A value, and what stands in brackets behind it or in small print below it."""

    value: str
    note: str = ""

    def __str__(self) -> str:
        """Return both in a line."""
        return f"{self.value} ({self.note})" if self.note else self.value


def cells_of(report: ComparisonReport) -> Iterator[tuple[Cell, ...]]:
    """Yield the cells of each row under `HEAD`."""
    return map(_cells, report.rows)


def _cells(row: Row) -> tuple[Cell, ...]:
    drop = row.int8.score.drop
    assert drop is not None  # the reference is FP32
    return (
        Cell(row.name),
        Cell(str(row.layers)),
        Cell(str(row.width)),
        Cell(f"{row.parameters / 1e6:.3g} M"),
        _score(row.fp32),
        _score(row.int8),
        Cell(f"{drop.drop:.2f}", f"{drop.low:.2f} to {drop.high:.2f}"),
        Cell("" if drop.p_value is None else f"{drop.p_value:.2g}"),
        _time(row.fp32),
        _time(row.int8),
        Cell(f"{row.int8.model_bytes / 1e6:.1f}"),
        Cell("*" if row.on_front else ""),
    )


def _score(measured: Measured) -> Cell:
    score, seeds = measured.score, measured.seeds
    several = f"; mean {seeds.mean:.2f} +- {seeds.deviation:.2f}" if len(seeds.scores) > 1 else ""
    return Cell(f"{score.value:.2f}", f"{score.low:.1f} to {score.high:.1f}{several}")


def _time(measured: Measured) -> Cell:
    faster = measured.times_faster
    return Cell(_digits(measured.latency_ms), "" if faster is None else f"{_digits(faster)}x")


def _digits(estimate: Estimate) -> str:
    """Write about three significant digits without an exponent."""
    value = estimate.value
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def conditions(report: ComparisonReport) -> Iterator[str]:
    """Yield what must be known about the numbers, a paragraph each."""
    seeds = max(len(row.int8.seeds.scores) for row in report.rows)
    yield (
        f"{report.metric} x100 on the {report.test_texts} texts of {report.test}, with its 95 % interval. The drop is "
        f"that of INT8 against the teacher in FP32 on the same texts. {_seeds(seeds)}"
    )
    texts = report.timed
    yield (
        f"ms: median time from a text to its answer, one text at a time, {report.threads} "
        f"thread{'s' * (report.threads != 1)}, over {texts.used} of the test texts ({texts.tokens_median:g} tokens in "
        f"the median) in {report.rounds} rounds that all models share; x: times faster than the teacher in FP32. "
        f"FP32 runs on {_engines(report, fp32=True)}, INT8 on {_engines(report, fp32=False)}."
    )
    yield "front: no other model is at least as fast and as accurate in INT8, and better in one of them."
    for note in report.not_measured:
        yield f"Not measured: {note.what}: {note.why}."
    device = report.device
    yield f"Machine: {device.cpu or 'unknown CPU'}, {device.architecture}, edgebert {report.edgebert}."


def _seeds(count: int) -> str:
    if count == 1:
        return "One seed a student."
    return f"{count} seeds a student: the best on the dev data stands in the table, with the mean and deviation of all."


def _engines(report: ComparisonReport, fp32: bool) -> str:
    found = dict.fromkeys((row.fp32 if fp32 else row.int8).engine for row in report.rows)
    return " and ".join(found)


def markdown(report: ComparisonReport) -> str:
    """Return the report for people."""
    lines = [f"# Students of {report.teacher}", "", _line(HEAD), _line(["---"] * len(HEAD))]
    lines += [_line([str(cell) for cell in row]) for row in cells_of(report)]
    return "\n".join([*lines, *(line for text in conditions(report) for line in ("", text)), ""])


def _line(cells: "tuple[str, ...] | list[str]") -> str:
    return f"| {' | '.join(cells)} |"
