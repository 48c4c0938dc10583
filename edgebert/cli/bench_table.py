"""A benchmark as tables for people."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgebert.accuracy import Accuracy
from edgebert.bench.intervals import Estimate
from edgebert.bench.report import BenchReport, ColdStart, Percentiles, Row
from edgebert.cli.words import printable
from edgebert.device import Device

_WIDTH = 100  # columns where the output is no terminal
_SAME = {"classify": "labels", "tag": "tags", "answer": "answers"}
_MISSING = "not measured"
_MB = 1e6  # bytes
_GB = 1e9  # bytes


def print_report(report: BenchReport) -> None:
    """Write the tables and the conditions to stdout."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    facts = report.bundle
    schemes = ", ".join(f"{scheme} on {engine}" for engine, scheme in facts.scheme.items())
    console.print(_plain(f"{facts.name}: {facts.precision.upper()} ({schemes}), task {facts.task}"), end="\n\n")
    console.print(_speed_table(report))
    console.print(_cost_table(report))
    console.print()
    for line in _conditions(report):
        console.print(_plain(line))


def _plain(text: str) -> Text:
    """Return text that comes in part from a bundle: no markup, no control characters."""
    return Text(printable(text))


def _name(name: str) -> Text:
    """Put the engine of a name such as "INT8 (onnxruntime)" into a second line."""
    precision, bracket, engine = name.partition(" (")
    return Text("\n").join([_plain(precision), _plain(bracket.strip() + engine)])


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1)
    )
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    return table


def _speed_table(report: BenchReport) -> Table:
    title = f"Speed, one text at a time, {_count(report.threads, 'thread')}; below each value its 95 % interval"
    table = _table(title, "p50", "p90", "p95", "p99", "tokens/s", "texts/s", "faster than\nbaseline")
    for row in report.rows:
        table.add_row(
            _name(row.name),
            *_latency(row.latency_ms, "ms"),
            _estimate(row.tokens_per_second, ""),
            _estimate(row.texts_per_second, ""),
            _faster(row, report.baseline),
        )
    table.add_row(_plain("tokenizer"), *_latency(report.tokenizer_us, "µs"), "", "", "")
    return table


def _latency(times: Percentiles, unit: str) -> Iterator[Text]:
    return (_estimate(value, unit) for value in (times.p50, times.p90, times.p95, times.p99))


def _faster(row: Row, baseline: str | None) -> Text:
    if row.times_faster is not None:
        return _estimate(row.times_faster, "x")
    return _plain("baseline" if row.name == baseline else _MISSING)


def _estimate(estimate: Estimate, unit: str) -> Text:
    value = Text(f"{_digits(estimate.value)} {unit}".rstrip())
    if estimate.low is not None and estimate.high is not None:
        value.append(f"\n{_digits(estimate.low)}-{_digits(estimate.high)}", style="dim")
    return value


def _digits(value: float) -> str:
    """Write about three significant digits without an exponent."""
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def _cost_table(report: BenchReport) -> Table:
    accuracy_columns = ("cosine\nmean", "cosine\nlowest")
    if report.bundle.task != "embed":
        accuracy_columns = (f"same\n{_SAME[report.bundle.task]}", "score\ndistance")
    table = _table(
        "\nAccuracy against the baseline, size, cold start and memory of a fresh process",
        *accuracy_columns,
        "model\nfile",
        "import",
        "open",
        "first\nanswer",
        "memory\nopened",
        "memory\nanswered",
        "memory\npeak",
    )
    for row in report.rows:
        accuracy = ("baseline", "") if row.name == report.baseline else _accuracy(row.accuracy, report.bundle.task)
        table.add_row(_name(row.name), *accuracy, _size(row.model_bytes), *_cold(row.cold_start))
    return table


def _accuracy(accuracy: Accuracy | None, task: str) -> tuple[str, str]:
    found = accuracy or Accuracy()
    if task == "embed":
        return _cell(found.cosine_mean, ".4f"), _cell(found.cosine_min, ".4f")
    percent = _cell(found.agreement, ".1%")
    return percent, _cell(found.score_difference_mean, ".4f")


def _cell(value: float | None, digits: str, unit: str = "") -> str:
    return _MISSING if value is None else f"{value:{digits}}{unit}"


def _cold(cold: ColdStart | None) -> list[str]:
    if cold is None:
        return [_MISSING] * 6
    times = (cold.import_ms, cold.open_ms, cold.first_answer_ms)
    sizes = (cold.opened_bytes, cold.answered_bytes, cold.peak_bytes)
    return [*(f"{_digits(time)} ms" for time in times), *map(_size, sizes)]


def _size(size: int | None) -> str:
    return _MISSING if size is None else f"{_digits(size / _MB)} MB"


def _conditions(report: BenchReport) -> Iterator[str]:
    """Yield what a reader must know to believe the tables."""
    texts, facts = report.texts, report.bundle
    yield (
        f"Texts: {texts.used} of {texts.read} ({texts.source}), {texts.tokens_median:g} tokens in the median, "
        f"{texts.tokens_least} to {texts.tokens_most}, {texts.cut} cut; {_count(report.rounds, 'round')}."
    )
    yield (
        "Latency is the time of session.run on the ids of one text without padding; the tokenizer has its own row, "
        "pooling and the reading of files are excluded. Import excludes the start of Python, open includes the import "
        "of the engine, and the files had been read before."
    )
    for engine, numbers in facts.stated_accuracy.items():
        stated = ", ".join(f"{key} {value}" for key, value in numbers.items())
        yield f"The export stated of {engine}: {stated or _MISSING}."
    yield f"The whole bundle: {_size(facts.bytes)}."
    for note in report.not_measured:
        yield f"Not measured: {note.what}: {note.why}."
    yield f"Machine: {_machine(report.device)}."
    yield f"Versions: {_versions(report)}."


def _machine(device: Device) -> str:
    parts = [
        device.board,
        device.cpu or "unknown CPU",
        device.architecture,
        f"{device.allowed_cpus or 'unknown'} of {device.logical_cpus or 'unknown'} CPUs",
        device.cpu_limit and f"limited to {device.cpu_limit:g} CPUs",
        " ".join(device.features),
        device.memory_bytes and f"{device.memory_bytes / _GB:.1f} GB memory",
        device.memory_limit_bytes and f"limited to {device.memory_limit_bytes / _GB:.1f} GB",
        device.os,
        device.kernel and f"kernel {device.kernel}",
    ]
    return ", ".join(str(part) for part in parts if part)


def _versions(report: BenchReport) -> str:
    device = report.device
    versions = {
        "edgebert": report.edgebert,
        "Python": device.python,
        "numpy": device.numpy,
        "onnxruntime": device.onnxruntime,
        "L4T": device.l4t,
    }
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
