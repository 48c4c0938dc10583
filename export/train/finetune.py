"""Fine-tune a BERT on labelled data and write a checkpoint that `edgebert export` reads."""

import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from edgebert.errors import InputError
from edgebert.export.checkpoint import demo_checkpoint, load_config, load_tokenizer, resolve
from edgebert.export.train.batches import collate
from edgebert.export.train.loop import History, Loop, Metrics, make_accelerator
from edgebert.export.train.predict import predict
from edgebert.export.train.repeated import count_repeated
from edgebert.export.train.report import Report, Run, write_report
from edgebert.export.train.settings import Training
from edgebert.export.train.sources import training_rows
from edgebert.export.train.store import Array, Store, write_store
from edgebert.export.train.tasks import NAMES, Objective, Task
from edgebert.export.train.tasks.answer import Answer
from edgebert.export.train.tasks.classify import Classify
from edgebert.export.train.tasks.embed import Embed
from edgebert.export.train.tasks.tag import Tag
from edgebert.export.train.used_rows import only_used_rows
from edgebert.export.train.watch import Silent, Watcher
from edgebert.export.train.workspace import check_output, fingerprint, open_workspace, to_json, workspace_of
from edgebert.files import new_folder
from edgebert.lines import Row

_USUAL_TOKENS = 128


@dataclasses.dataclass(frozen=True)
class Finetune:
    """What to fine-tune, on what, and where to.

    Attributes:
        task: ``classify``, ``tag``, ``answer`` or ``embed``.
        train: labelled data: a file or ``hub:...``, see `edgebert.export.train.sources`.
        output: folder of the checkpoint to write.
        model: checkpoint folder or hub id; None is the MiniLM of the ``demo`` extra.
        dev: labelled data that decides which epoch is kept; None keeps the last.
        columns: what the data calls a column, by the name that the task knows.
        seeds: runs with seeds one after the other; the best on ``dev`` is kept.
        resume: go on where such a run was cut off.
        force: replace ``output`` where it exists.
        training: how to train.
    """

    task: str
    train: str
    output: Path
    model: str | None = None
    dev: str | None = None
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    seeds: int = 1
    resume: bool = False
    force: bool = False
    training: Training = dataclasses.field(default_factory=Training)

    def __post_init__(self) -> None:
        if self.task not in NAMES:
            raise InputError(f"task is {self.task!r}: choose one of {', '.join(NAMES)}")
        if self.seeds < 1:
            raise InputError(f"seeds is {self.seeds}: give a whole number from 1")
        if self.dev is None and (self.seeds > 1 or self.training.patience is not None):
            raise InputError("several seeds and patience need dev data to compare on: name it with --dev")
        check_output(self.output, self.force)


def finetune(settings: Finetune, watcher: Watcher | None = None) -> Report:
    """Fine-tune, write the checkpoint, and return the report that lies in it.

    Args:
        settings: what to train.
        watcher: told how it goes.

    Raises:
        InputError: a setting, the data or the output cannot be used.
        CheckpointError: the checkpoint is missing, damaged or not supported.
    """
    watcher = watcher or Silent()
    accelerator = make_accelerator(settings.training.precision)
    folder = resolve(demo_checkpoint() if settings.model is None else settings.model)
    limit = token_limit(folder, settings.training)
    tokenizer = load_tokenizer(folder)
    watcher.stage("reading the data")
    task = task_of(settings, folder)
    work = workspace_of(settings.output)
    if accelerator.is_main_process:
        open_workspace(settings.output, _decisive(settings, folder), settings.resume)
        encode_into(work / "train", task, settings.train, settings.columns, tokenizer, limit)
        if settings.dev is not None:
            encode_into(work / "dev", task, settings.dev, settings.columns, tokenizer, limit)
    accelerator.wait_for_everyone()
    train, dev = Store(work / "train"), None if settings.dev is None else Store(work / "dev")
    repeated = count_repeated(dev, train, watcher)
    runs: list[Run] = []
    best: tuple[float, Any] | None = None
    for seed in range(settings.training.seed, settings.training.seed + settings.seeds):
        watcher.stage(f"training with seed {seed}")
        model, history, found = _run(settings, seed, task, folder, work, tokenizer.pad_token_id, watcher)
        runs.append(Run(seed, history, {} if dev is None else task.score(found, dev)))
        value = runs[-1].metrics.get(task.metric, 0.0)
        if best is None or value > best[0]:
            best = (value, (model, found))
    assert best is not None  # seeds is at least 1
    model, found = best[1]
    report = Report.of(to_json(settings), task, len(train), runs, found, dev, repeated)
    if accelerator.is_main_process:
        watcher.stage("writing the checkpoint")
        save_checkpoint(settings.output, settings.force, task, model, tokenizer, report)
        shutil.rmtree(work)
    accelerator.wait_for_everyone()
    return report


def task_of(settings: Finetune, folder: Path) -> Task:
    """Read the training data once, check it, and return the task with what it decides."""
    rows: Iterator[Row] = training_rows(settings.train, settings.columns)
    if settings.task == "classify":
        return Classify.from_rows(rows, settings.train)
    if settings.task == "tag":
        return Tag.from_rows(rows, settings.train)
    if settings.task == "answer":
        return Answer.from_rows(rows, settings.train)
    return Embed.from_rows(rows, settings.train, folder, settings.training.seed)


def token_limit(folder: Path, training: Training) -> int:
    """Return where texts are cut.

    Raises:
        InputError: the settings want more than the model takes.
    """
    most = int(load_config(folder).max_position_embeddings)
    if training.max_tokens is None:
        return min(most, _USUAL_TOKENS)
    if training.max_tokens > most:
        raise InputError(f"max_tokens is {training.max_tokens}, but {folder} takes {most}")
    return training.max_tokens


def encode_into(
    folder: Path,
    task: Task,
    source: str,
    columns: Mapping[str, str],
    tokenizer: Any,  # noqa: ANN401
    limit: int,
) -> None:
    """Write the examples of a source, unless an earlier try did."""
    if folder.exists():
        return
    try:
        write_store(folder, task.encode(training_rows(source, columns), tokenizer, limit))
    except InputError as error:
        if "no example" in str(error):
            raise InputError(f"{source} holds no row: give labelled data") from error
        raise


def _decisive(settings: Finetune, folder: Path) -> dict[str, object]:
    """Return everything that decides the weights."""
    decisive = to_json(settings)
    for name in ("output", "resume", "force"):
        del decisive[name]
    sources = {"train": settings.train, "dev": settings.dev, "model": str(folder)}
    decisive["sources"] = {name: fingerprint(source) for name, source in sources.items()}
    return decisive


def _run(
    settings: Finetune, seed: int, task: Task, folder: Path, work: Path, pad_id: int, watcher: Watcher
) -> tuple[Any, History, list[Array]]:
    """Train with one seed; return the model, its history and its predictions on the dev data."""
    training = dataclasses.replace(settings.training, seed=seed)
    accelerator = make_accelerator(training.precision)
    torch.manual_seed(seed)
    model = task.build(folder)
    states = work / f"seed-{seed}"
    states.mkdir(exist_ok=True)
    train = Store(work / "train")
    dev = None if settings.dev is None else Store(work / "dev")

    def found() -> list[Array]:
        if dev is None:
            return []
        return predict(accelerator, lambda batch: task.predict(model, batch), dev, pad_id)

    def evaluate() -> Metrics:
        return {} if dev is None else task.score(found(), dev)

    with only_used_rows(model, [train] if dev is None else [train, dev], pad_id):
        loop = Loop(
            accelerator,
            Objective(task, model),
            model.config.num_hidden_layers,
            train.lengths(),
            lambda indices: collate(train, indices, pad_id),
            training,
            None if dev is None else task.metric,
            evaluate,
            states,
            watcher,
        )
        history = loop.run(settings.resume)
    model.eval()
    return model, history, found()


def save_checkpoint(output: Path, force: bool, task: Task, model: Any, tokenizer: Any, report: Report) -> None:  # noqa: ANN401
    """Write checkpoint and report into the output."""
    with new_folder(output, replace=force) as draft:
        task.save(model.cpu(), tokenizer, draft)
        write_report(report, draft)
