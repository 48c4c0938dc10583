"""Options and the progress bar that the training verbs share."""

import dataclasses
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn

from edgebert.cli.live import Live
from edgebert.cli.options import JsonOption, QuietOption
from edgebert.cli.words import UsageError, say

if TYPE_CHECKING:
    from edgebert.export.train import Report, Training

# where torchrun and `accelerate launch`, Intel's MPI, Open MPI and MVAPICH say which of the processes this is
_RANKS = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")

TrainOption = Annotated[
    str,
    typer.Option(
        "--train", metavar="DATA", help="Labelled data: .jsonl, .csv, .tsv, .parquet, .conll, SQuAD .json, or hub:..."
    ),
]
DevOption = Annotated[
    str | None, typer.Option("--dev", metavar="DATA", help="Labelled data that decides which epoch is kept.")
]
CheckpointOption = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Checkpoint folder to write.")]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="OURS=THEIRS,...", help="What the data calls a column, such as text=sentence,label=intent."
    ),
]
EpochsOption = Annotated[int, typer.Option("--epochs", metavar="N", min=1, help="Passes over the training data.")]
BatchOption = Annotated[
    int, typer.Option("--batch-size", metavar="N", min=1, help="Texts a step, over all processes together.")
]
PartsOption = Annotated[
    int, typer.Option("--accumulate", metavar="N", min=1, help="Pieces a batch is worked through in, to save memory.")
]
RateOption = Annotated[float, typer.Option("--learning-rate", metavar="RATE", help="Highest learning rate.")]
PatienceOption = Annotated[
    int | None,
    typer.Option("--patience", metavar="N", min=1, help="Stop after so many epochs without a better dev metric."),
]
PrecisionOption = Annotated[
    str, typer.Option("--precision", metavar="NAME", help="auto, fp32, bf16 or fp16; auto is fp32 on a CPU.")
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Decides all that is random.")]
SaveEveryOption = Annotated[
    int, typer.Option("--save-every", metavar="N", min=1, help="Steps between states for --resume.")
]
LayerDecayOption = Annotated[
    float,
    typer.Option("--layer-decay", metavar="FACTOR", help="Factor on the learning rate from a layer to the one below."),
]
FreezeOption = Annotated[
    str | None, typer.Option("--freeze", metavar="NAMES", help="Do not train these: embeddings, 0-3 or both.")
]
UnfreezeOption = Annotated[
    int | None, typer.Option("--unfreeze", metavar="EPOCH", min=1, help="Train everything from this epoch on.")
]
SeedsOption = Annotated[
    int, typer.Option("--seeds", metavar="N", min=1, help="Train so often and keep the best on --dev.")
]
MaxTokensOption = Annotated[
    int | None,
    typer.Option("--max-tokens", metavar="N", min=4, help="Cut longer texts; without it at 128 or the model's limit."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on where the same command was cut off.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the output where it exists.")]


@dataclasses.dataclass(frozen=True)
class LoopOptions:
    """How the loop goes."""

    batch_size: BatchOption = 32
    accumulate: PartsOption = 1
    max_tokens: MaxTokensOption = None
    patience: PatienceOption = None
    precision: PrecisionOption = "auto"
    seed: SeedOption = 0
    save_every: SaveEveryOption = 500


@dataclasses.dataclass(frozen=True)
class LayerOptions:
    """What is trained how fast."""

    layer_decay: LayerDecayOption = 1.0
    freeze: FreezeOption = None
    unfreeze: UnfreezeOption = None


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How a run begins and what it says."""

    resume: ResumeOption = False
    force: ForceOption = False
    as_json: JsonOption = False
    quiet: QuietOption = False


def training_settings(
    epochs: int, learning_rate: float, loop: LoopOptions, layers: LayerOptions | None = None
) -> "Training":
    """Return the settings of the loop."""
    from edgebert.export.train.settings import Training

    layers = layers or LayerOptions()
    return Training(
        epochs=epochs,
        batch_size=loop.batch_size,
        accumulate=loop.accumulate,
        learning_rate=learning_rate,
        layer_decay=layers.layer_decay,
        patience=loop.patience,
        freeze=parsed_list(layers.freeze),
        unfreeze=layers.unfreeze,
        precision=loop.precision,
        seed=loop.seed,
        save_every=loop.save_every,
        max_tokens=loop.max_tokens,
    )


def print_training(report: "Report", output: Path, as_json: bool, then: str = "edgebert export --model") -> None:
    """Write what a training came to and what can be done ``then`` with its output, in the first process alone."""
    if not is_first_process():
        return
    if as_json:
        typer.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=1))
        return
    for line in training_lines(report, str(output)):
        typer.echo(line)
    typer.echo(f"next: {then} {output}")


def training_lines(report: "Report", name: str) -> Iterator[str]:
    """Yield what a training came to; ``name`` is what its checkpoint is called."""
    yield f"{name}: {report.examples} examples, {report.texts_per_second:.0f} a second"
    for metric, (mean, spread) in report.means.items():
        several = f", mean of {len(report.runs)} seeds {mean:.4f} +- {spread:.4f}" if len(report.runs) > 1 else ""
        yield f"{metric} on dev: {report.kept.metrics[metric]:.4f}{several}"
    teacher = report.teacher
    if teacher is None:
        return
    for metric, value in teacher.metrics.items():
        yield f"{metric} of the teacher: {value:.4f}"
    if teacher.p_value is not None:
        yield (
            f"only the teacher is right on {teacher.lost} texts, only the student on {teacher.won}: "
            f"McNemar p = {teacher.p_value:.4f}"
        )


def parsed_pairs(text: str | None, option: str) -> dict[str, str]:
    """Return "a=b,c=d" as a mapping."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise UsageError(f"{option} is {text!r}: give NAME=VALUE, more of them with commas between")
    return {name.strip(): value.strip() for name, _, value in pairs}


def parsed_list(text: str | None) -> tuple[str, ...]:
    """Return "a,b" as texts."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def parsed_numbers(text: str | None, option: str) -> tuple[int, ...] | None:
    """Return "0,2,5" as numbers, None where nothing was given."""
    parts = parsed_list(text)
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"{option} is {text!r}: give whole numbers with commas between")
    return tuple(int(part) for part in parts) or None


class TrainingProgress(Live):
    """Shows a run: a bar with loss, metric, speed and time left, or a line an epoch."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet or not is_first_process()
        super().__init__(
            self._quiet,
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps  loss {task.fields[loss]}{task.fields[metrics]}"),
            TextColumn("{task.fields[speed]} texts/s"),
            TimeRemainingColumn(),
        )
        self._bar: TaskID | None = None
        self._metrics = ""
        self._last = time.monotonic()

    def stage(self, name: str) -> None:
        """Begin a stage."""
        if self.lines:
            say(name)
        if self._bar is not None:
            self.progress.remove_task(self._bar)
        self._bar = self.progress.add_task(name, total=None, loss="-", metrics="", speed="-")
        self._last = time.monotonic()

    def step(self, done: int, total: int, loss: float, texts: int) -> None:
        """Move the bar."""
        if self._bar is None or self.lines or self._quiet:
            return
        now = time.monotonic()
        speed = f"{texts / max(now - self._last, 1e-9):.0f}"
        self._last = now
        self.progress.update(
            self._bar, completed=done, total=total, loss=f"{loss:.4f}", metrics=self._metrics, speed=speed
        )

    def epoch(self, number: int, loss: float, metrics: Mapping[str, float]) -> None:
        """Say how an epoch went."""
        self._metrics = "".join(f"  {name} {value:.4f}" for name, value in metrics.items())
        self._last = time.monotonic()
        if not self._quiet:
            self._write(f"epoch {number}: loss {loss:.4f}{self._metrics}")

    def _write(self, line: str) -> None:
        if self.lines:
            say(line)
        else:
            self.progress.console.print(line, highlight=False, markup=False)


def is_first_process() -> bool:
    """Say whether this is the only process, or the first of those that a launcher started."""
    return next((os.environ[name] for name in _RANKS if name in os.environ), "0") == "0"
