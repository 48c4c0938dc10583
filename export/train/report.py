"""What a training run says about itself: JSON for programs, Markdown and a picture for people."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgebert.accuracy.paired import mcnemar
from edgebert.errors import CheckpointError
from edgebert.export import lineage
from edgebert.export.train.loop import History, Metrics
from edgebert.export.train.store import Array, Store
from edgebert.export.train.tasks import Task
from edgebert.export.train.tasks.classify import Classify
from edgebert.files import read_json, write_json

_WORST = 10  # confusions that are listed

MARKDOWN, CURVES = "training.md", "training.png"


@dataclasses.dataclass(frozen=True)
class Run:
    """One seed: what happened, and the dev metrics of the weights that were kept."""

    seed: int
    history: History
    metrics: Metrics


@dataclasses.dataclass(frozen=True)
class Confusion:
    """So many dev texts of one label got another."""

    expected: str
    found: str
    texts: int


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A student and its teacher on the same dev texts.

    Attributes:
        metrics: of the teacher.
        lost: texts that the teacher alone gets right; None where an answer is not just right or wrong.
        won: texts that the student alone gets right.
        p_value: of McNemar's exact test that both are right equally often.
    """

    metrics: Metrics
    lost: int | None = None
    won: int | None = None
    p_value: float | None = None


@dataclasses.dataclass(frozen=True)
class Report:
    """All runs of a training."""

    settings: Mapping[str, object]
    metric: str
    examples: int
    dev_examples: int
    runs: tuple[Run, ...]
    confusions: tuple[Confusion, ...]
    repeated: int = 0  # dev examples that the training data holds too
    teacher: Comparison | None = None
    ancestry: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        settings: Mapping[str, object],
        task: Task,
        examples: int,
        runs: Sequence[Run],
        found: Sequence[Array],
        dev: Store | None,
        repeated: int,
    ) -> "Report":
        """Collect what is known; ``found`` are the predictions on the dev data of the run that was kept."""
        confusions = worst_confusions(task, found, dev) if dev is not None and isinstance(task, Classify) else ()
        dev_examples = 0 if dev is None else len(dev)
        return cls(settings, task.metric, examples, dev_examples, tuple(runs), confusions, repeated)

    @property
    def kept(self) -> Run:
        """The run whose weights are the checkpoint: the best on the dev data, the first of equals."""
        return max(self.runs, key=lambda run: run.metrics.get(self.metric, 0.0))

    @property
    def means(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation over the seeds by metric; the deviation of one seed is 0."""
        return {
            name: (statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0)
            for name in self.runs[0].metrics
            for values in [[run.metrics[name] for run in self.runs]]
        }

    @property
    def texts_per_second(self) -> float:
        """Speed of the run that was kept, its evaluations included."""
        epochs = self.kept.history.epochs
        return self.examples * len(epochs) / max(epochs[-1].seconds, 1e-9)

    def to_json(self) -> dict[str, object]:
        """Return the document of ``training.json``."""
        return {
            "settings": self.settings,
            lineage.KEY: self.ancestry,
            "examples": self.examples,
            "dev_examples": self.dev_examples,
            "dev_examples_repeated": self.repeated,
            "metric": self.metric,
            "metrics": self.kept.metrics,
            "seeds": {name: {"mean": mean, "deviation": spread} for name, (mean, spread) in self.means.items()},
            "kept_seed": self.kept.seed,
            "texts_per_second": round(self.texts_per_second, 1),
            "runs": [dataclasses.asdict(run) for run in self.runs],
            "teacher": None if self.teacher is None else dataclasses.asdict(self.teacher),
            "confusions": [dataclasses.asdict(confusion) for confusion in self.confusions],
        }


def worst_confusions(task: Classify, found: Sequence[Array], dev: Store) -> tuple[Confusion, ...]:
    """Return the pairs of labels that are confused most often; empty where a text has several labels."""
    if task.several:
        return ()
    pairs = np.stack([dev.all("label"), np.stack(found).argmax(axis=1)], axis=1)
    wrong, counts = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_WORST]
    return tuple(Confusion(task.labels[wrong[at, 0]], task.labels[wrong[at, 1]], int(counts[at])) for at in order)


def compared(
    report: Report, task: object, found: Sequence[Array], dev: Store, metrics: Metrics, teacher: Sequence[Array]
) -> Report:
    """Return the report with the teacher's metrics, and McNemar's test where each text has one label."""
    if not isinstance(task, Classify) or task.several:
        return dataclasses.replace(report, teacher=Comparison(metrics))
    labels = dev.all("label")
    ours, theirs = (np.stack(answers).argmax(axis=1) == labels for answers in (found, teacher))
    lost, won = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
    return dataclasses.replace(report, teacher=Comparison(metrics, lost, won, mcnemar(lost, won)))


def write_report(report: Report, folder: Path) -> None:
    """Write the three forms of the report into a folder."""
    write_json(folder / lineage.REPORT, report.to_json())
    (folder / MARKDOWN).write_text(markdown(report), encoding="utf-8")
    draw_curves(report, folder / CURVES)


def kept_metric(folder: Path) -> float:
    """Return the dev metric of the weights in a checkpoint folder, as the report in it has it; 0 without dev data.

    Raises:
        CheckpointError: the report is damaged.
    """
    path = folder / lineage.REPORT
    document: Any = read_json(path, lineage.REPORT_MAX)
    try:
        return float(document["metrics"].get(document["metric"], 0.0))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: repeat the training") from error


def markdown(report: Report) -> str:
    """Return the report for people."""
    kept = report.kept
    lines = [
        f"# Training of {report.settings.get('output')}",
        "",
        f"{report.examples} examples, {report.texts_per_second:.0f} a second; dev: {report.dev_examples} examples. "
        f"Kept: seed {kept.seed}, epoch {kept.history.best}.",
        *_repeated(report),
        "",
        "| metric on dev | kept | mean of the seeds | standard deviation |",
        "|---|---|---|---|",
        *(
            f"| {name} | {kept.metrics[name]:.4f} | {mean:.4f} | {spread:.4f} |"
            for name, (mean, spread) in report.means.items()
        ),
        "",
        "| seed | epoch | loss | metrics on dev | seconds |",
        "|---|---|---|---|---|",
    ]
    for run in report.runs:
        lines += [
            f"| {run.seed} | {epoch.number} | {epoch.loss:.4f} | {listed(epoch.metrics)} | {epoch.seconds:.0f} |"
            for epoch in run.history.epochs
        ]
    if report.teacher is not None:
        lines += ["", *_against_teacher(report.teacher)]
    if report.confusions:
        lines += ["", "| label | taken for | dev texts |", "|---|---|---|"]
        lines += [f"| {each.expected} | {each.found} | {each.texts} |" for each in report.confusions]
    return "\n".join([*lines, ""])


def _repeated(report: Report) -> list[str]:
    if not report.repeated:
        return []
    return ["", f"{report.repeated} of the dev examples are in the training data too: the metrics flatter the model."]


def _against_teacher(teacher: Comparison) -> list[str]:
    lines = [f"The teacher on dev: {listed(teacher.metrics)}."]
    if teacher.p_value is not None:
        lines.append(
            f"{teacher.lost} texts only the teacher gets right, {teacher.won} only the student: "
            f"McNemar's exact test p = {teacher.p_value:.4f}."
        )
    return lines


def listed(metrics: Metrics) -> str:
    """Return metrics in a line."""
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()) or "none"


def draw_curves(report: Report, path: Path) -> None:
    """Draw the loss over the steps and the dev metric over the epochs of every seed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for run in report.runs:
        left.plot(*zip(*run.history.curve, strict=True), label=f"seed {run.seed}")
        points = [(epoch.number, epoch.metrics[report.metric]) for epoch in run.history.epochs if epoch.metrics]
        if points:
            right.plot(*zip(*points, strict=True), marker="o", label=f"seed {run.seed}")
    left.set(xlabel="step", ylabel="training loss")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel="epoch", ylabel=f"{report.metric} on dev")
    right.legend() if report.dev_examples else None
    figure.savefig(path, dpi=120, metadata={"Software": None})
