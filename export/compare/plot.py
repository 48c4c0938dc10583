"""A comparison as a picture: accuracy against latency."""

from pathlib import Path

from edgebert.export.compare.report import ComparisonReport, Row


def draw(report: ComparisonReport, path: Path) -> None:
    """Draw every row in INT8 with the interval of its accuracy, hollow in FP32, and the front as a line of steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, row in enumerate(report.rows):
        colour = f"C{number % 10}"
        x, y = _point(row)
        score = row.int8.score
        # a bootstrap interval may leave out the value itself
        ends = [[max(0.0, y - score.low)], [max(0.0, score.high - y)]]
        axes.errorbar([x], [y], yerr=ends, fmt="o", capsize=3, color=colour)
        axes.plot([row.fp32.latency_ms.value], [row.fp32.score.value], "o", mfc="none", color=colour)
        axes.annotate(row.name, (x, y), xytext=(6, 5), textcoords="offset points", fontsize=8, color=colour)
    steps = sorted(_point(row) for row in report.rows if row.on_front)
    axes.step(*zip(*steps, strict=True), where="post", color="0.6", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set(
        xlabel="median time of an answer, ms", ylabel=f"{report.metric} x100 on {report.test}", title=report.teacher
    )
    axes.grid(alpha=0.3, which="both")
    axes.plot([], [], "o", color="0.3", label="INT8, 95 % interval")
    axes.plot([], [], "o", mfc="none", color="0.3", label="FP32")
    axes.plot([], [], color="0.6", linewidth=1, label="front of INT8")
    axes.legend(fontsize=8, loc="lower right")
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _point(row: Row) -> tuple[float, float]:
    return row.int8.latency_ms.value, row.int8.score.value
