"""Distill a student from teachers and write a checkpoint that `edgebert export` reads."""

import contextlib
import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from edgebert.export.checkpoint import load_tokenizer, resolve
from edgebert.export.train.augment import Change, changes_of
from edgebert.export.train.batches import Batch, Indices, bucketed, collate
from edgebert.export.train.check import check_student
from edgebert.export.train.distill_data import Task, write_examples
from edgebert.export.train.distill_settings import Distill
from edgebert.export.train.finetune import encode_into, save_checkpoint, token_limit
from edgebert.export.train.loop import Loop, Metrics, make_accelerator
from edgebert.export.train.objective import DistillObjective, default_weights
from edgebert.export.train.outputs import Wanted
from edgebert.export.train.parents import lineage_of
from edgebert.export.train.predict import predict
from edgebert.export.train.prune import importance, prune_ffn, prune_heads
from edgebert.export.train.repeated import count_repeated
from edgebert.export.train.report import Report, Run, compared
from edgebert.export.train.simulate import simulate
from edgebert.export.train.store import Array, Store
from edgebert.export.train.students import make_student, matched
from edgebert.export.train.tasks.embed import Embed
from edgebert.export.train.tasks.models import load_model
from edgebert.export.train.teacher import PREFIX, TeacherAnswers, ask_teachers
from edgebert.export.train.teachers import check_alike, load_teacher, teacher_task
from edgebert.export.train.used_rows import only_used_rows, used_ids
from edgebert.export.train.vocabulary import check_pruned, needed_ids, places_of, prune_embeddings, pruned_tokenizer
from edgebert.export.train.watch import Silent, Watcher
from edgebert.export.train.workspace import fingerprint, open_workspace, to_json, workspace_of
from edgebert.texts import read_texts

_IMPORTANCE_BATCHES = 32  # whose gradients say what may be pruned


@dataclasses.dataclass(frozen=True)
class _Lesson:
    """What every seed shares."""

    settings: Distill
    task: Task
    teachers: tuple[Any, ...]
    weights: dict[str, float]
    wanted: Wanted  # of the student
    asked: Wanted  # of the teachers
    tokenizer: Any  # of the student
    keep: Indices | None  # ids that the student's vocabulary keeps
    collate: Callable[[Indices], Batch]
    train: Store
    dev: Store | None
    repeated: int  # dev examples that the training data holds too
    work: Path
    lineage: dict[str, str]


def distill(settings: Distill, watcher: Watcher | None = None) -> Report:
    """Distill, write the checkpoint, and return the report that lies in it.

    Args:
        settings: what to distill.
        watcher: told how it goes.

    Raises:
        InputError: a setting, the data or the output cannot be used.
        CheckpointError: a teacher is missing, damaged or not supported.
        TokenizerError: a pruned vocabulary changes tokens.
    """
    watcher = watcher or Silent()
    accelerator = make_accelerator(settings.training.precision)
    folders = [resolve(teacher) for teacher in settings.teachers]
    watcher.stage("reading the data")
    lesson = _prepare(settings, folders, accelerator, watcher)
    runs: list[Run] = []
    best: tuple[float, Any, list[Array]] | None = None
    for seed in range(settings.training.seed, settings.training.seed + settings.seeds):
        watcher.stage(f"training with seed {seed}")
        model, run, found = _run(lesson, seed, watcher)
        runs.append(run)
        value = run.metrics.get(lesson.task.metric, 0.0)
        if best is None or value > best[0]:
            best = (value, model, found)
    assert best is not None  # seeds is at least 1
    report = Report.of(to_json(settings), lesson.task, len(lesson.train), runs, best[2], lesson.dev, lesson.repeated)
    report = dataclasses.replace(report, ancestry=lesson.lineage)
    if lesson.dev is not None:
        report = compared(report, lesson.task, best[2], lesson.dev, *_teachers_answers(lesson, folders[0], accelerator))
    if accelerator.is_main_process:
        watcher.stage("writing the checkpoint")
        save_checkpoint(settings.output, settings.force, lesson.task, best[1], lesson.tokenizer, report)
        shutil.rmtree(lesson.work)
    accelerator.wait_for_everyone()
    return report


def _prepare(settings: Distill, folders: list[Path], accelerator: Accelerator, watcher: Watcher) -> _Lesson:
    """Encode the data, ask the teachers, and decide what the student's vocabulary is."""
    task = teacher_task(folders[0], settings)
    weights = dict(settings.losses if settings.losses is not None else default_weights(task))
    check_student(settings, task, folders[0])
    teachers = tuple(load_teacher(folder, bool(weights.get("attention"))) for folder in folders)
    lineage = lineage_of(settings, teachers)
    tokenizer = load_tokenizer(folders[0])
    check_alike(teachers, folders)
    limit = token_limit(folders[0], settings.training)
    work = workspace_of(settings.output)
    wanted, asked = _wanted(settings, task, weights, teachers[0].config.num_hidden_layers)
    if accelerator.is_main_process:
        open_workspace(settings.output, _decisive(settings, folders), settings.resume)
        write_examples(work / "train", settings, task, _changes(settings, teachers[0], tokenizer), tokenizer, limit)
        watcher.stage("asking the teacher")
        ask_teachers(accelerator, teachers, asked, Store(work / "train"), tokenizer.pad_token_id, work / "answers")
    accelerator.wait_for_everyone()
    train = Store(work / "train")
    keep = None if settings.prune_vocabulary is None else _kept_ids(settings.prune_vocabulary, tokenizer, train)
    student_tokenizer = tokenizer if keep is None else pruned_tokenizer(tokenizer, keep)
    if keep is not None and settings.prune_vocabulary is not None:
        check_pruned(tokenizer, student_tokenizer, keep, list(read_texts(settings.prune_vocabulary)))
    if accelerator.is_main_process and settings.dev is not None:
        encode_into(work / "dev", task, settings.dev, settings.columns, student_tokenizer, limit)
        if keep is not None:
            encode_into(work / "teacher_dev", task, settings.dev, settings.columns, tokenizer, limit)
    accelerator.wait_for_everyone()
    return _Lesson(
        settings,
        task,
        teachers,
        weights,
        wanted,
        asked,
        student_tokenizer,
        keep,
        _collate(train, Store(work / "answers"), tokenizer, keep, settings.shape.hidden),
        train,
        None if settings.dev is None else Store(work / "dev"),
        count_repeated(None if settings.dev is None else _teachers_dev(work, keep), train, watcher),
        work,
        lineage,
    )


def _wanted(settings: Distill, task: Task, weights: dict[str, float], teacher_layers: int) -> tuple[Wanted, Wanted]:
    """Return which outputs of the student and which of the teachers are compared."""
    head = task.head if isinstance(task, Embed) else None
    layers = settings.shape.layers
    own, theirs = tuple(range(layers)), matched(layers, teacher_layers)

    def of(which: tuple[int, ...], last: int) -> Wanted:
        return Wanted(
            head,
            which if weights.get("hidden") else (),
            which if weights.get("attention") else (),
            last if weights.get("relations") else None,
        )

    return of(own, layers - 1), of(theirs, teacher_layers - 1)


def _changes(settings: Distill, teacher: Any, tokenizer: Any) -> list[Change]:  # noqa: ANN401
    if not settings.augment:
        return []
    masked = None if settings.mlm is None else load_model("BertForMaskedLM", resolve(settings.mlm), complete=True)
    return changes_of(settings.augment_by, teacher, masked, tokenizer)


def _kept_ids(texts: Path, tokenizer: Any, train: Store) -> Indices:  # noqa: ANN401
    used = set(used_ids([train], len(tokenizer), tokenizer.pad_token_id).tolist())
    for text in read_texts(texts):
        used.update(tokenizer(text)["input_ids"])
    return needed_ids(tokenizer, used)


def _collate(
    train: Store,
    answers: Store,
    tokenizer: Any,  # noqa: ANN401
    keep: Indices | None,
    width: int | None,
) -> Callable[[Indices], Batch]:
    """Return what gives a batch with the teachers' outputs, in the ids and the width of the student."""
    teacher = TeacherAnswers(answers, train.lengths())
    renumbered = None if keep is None else places_of(keep, len(tokenizer))
    directions = _directions(answers, width)

    def batch_of(indices: Indices) -> Batch:
        batch = collate(train, indices, tokenizer.pad_token_id) | teacher.collate(indices)
        if renumbered is not None:
            batch["input_ids"] = renumbered[batch["input_ids"]]
        if directions is not None:
            batch[f"{PREFIX}vectors"] = batch[f"{PREFIX}vectors"] @ directions
        return batch

    return batch_of


def _directions(answers: Store, width: int | None) -> torch.Tensor | None:
    """Return the main directions of the teachers' vectors, [teacher, student], where the student's are narrower."""
    if "vectors" not in answers.columns or width is None:
        return None
    size = int(answers.lengths("vectors")[0])
    if width == size:
        return None
    rows = answers.all("vectors").reshape(-1, size)
    products = sum(
        (part.T @ part for part in np.array_split(rows, math.ceil(len(rows) / 4096))), np.zeros((size, size))
    )
    return torch.from_numpy(np.linalg.eigh(products)[1][:, ::-1][:, :width].astype(np.float32).copy())


def _run(lesson: _Lesson, seed: int, watcher: Watcher) -> tuple[Any, Run, list[Array]]:
    """Train a student with one seed; return it, what happened, and its predictions on the dev data."""
    settings, task = lesson.settings, lesson.task
    training = dataclasses.replace(settings.training, seed=seed)
    accelerator = make_accelerator(training.precision)
    torch.manual_seed(seed)
    student = make_student(lesson.teachers[0], settings.shape)
    student.set_attn_implementation("eager" if lesson.wanted.attention else "sdpa")
    if lesson.keep is not None:
        prune_embeddings(student, lesson.keep)
    width = lesson.teachers[0].config.hidden_size
    heads = lesson.teachers[0].config.num_attention_heads
    objective = DistillObjective(task, student, lesson.weights, lesson.wanted, settings.temperature, heads, width)
    _prune(lesson, objective, seed)
    states = lesson.work / f"seed-{seed}"
    states.mkdir(exist_ok=True)
    dev, pad_id = lesson.dev, lesson.tokenizer.pad_token_id

    def found() -> list[Array]:
        if dev is None:
            return []
        return predict(accelerator, lambda batch: task.predict(student, batch), dev, pad_id)

    def evaluate() -> Metrics:
        return {} if dev is None else task.score(found(), dev)

    whole = training.epochs - settings.quantization_aware
    with _fewer_rows(lesson, student):
        loop = Loop(
            accelerator,
            objective,
            student.config.num_hidden_layers,
            lesson.train.lengths(),
            lesson.collate,
            training,
            None if dev is None else task.metric,
            evaluate,
            states,
            watcher,
            begin=lambda epoch: simulate(student, epoch > whole),
            first_kept=whole + 1 if settings.quantization_aware else 1,
        )
        history = loop.run(settings.resume)
    student.eval()
    answers = found()
    simulate(student, False)
    return student, Run(seed, history, {} if dev is None else task.score(answers, dev)), answers


def _fewer_rows(lesson: _Lesson, student: Any) -> contextlib.AbstractContextManager[None]:  # noqa: ANN401
    """Train the word vectors in use; of a pruned vocabulary all are."""
    if lesson.keep is not None:
        return contextlib.nullcontext()
    stores = [lesson.train] if lesson.dev is None else [lesson.train, lesson.dev]
    return only_used_rows(student, stores, lesson.tokenizer.pad_token_id)


def _prune(lesson: _Lesson, objective: DistillObjective, seed: int) -> None:
    settings, student = lesson.settings, objective.model
    if settings.prune_ffn is None and settings.prune_heads is None:
        return
    chosen = bucketed(lesson.train.lengths(), settings.training.batch_size, seed, 0)[:_IMPORTANCE_BATCHES]
    neurons, heads = importance(student, objective, map(lesson.collate, chosen))
    if settings.prune_ffn is not None:
        prune_ffn(student, neurons, settings.prune_ffn)
    if settings.prune_heads is not None:
        prune_heads(student, heads, settings.prune_heads)


def _teachers_dev(work: Path, keep: Indices | None) -> Store:
    """Return the dev data in the ids of the teachers, which those of the training data are too."""
    return Store(work / ("dev" if keep is None else "teacher_dev"))


def _teachers_answers(lesson: _Lesson, folder: Path, accelerator: Accelerator) -> tuple[Metrics, list[Array]]:
    """Return the metrics and the predictions of the first teacher on the dev data."""
    data = _teachers_dev(lesson.work, lesson.keep)
    teacher, pad_id = lesson.teachers[0].to(accelerator.device), load_tokenizer(folder).pad_token_id
    found = predict(accelerator, lambda batch: lesson.task.predict(teacher, batch), data, pad_id)
    return lesson.task.score(found, data), found


def _decisive(settings: Distill, folders: list[Path]) -> dict[str, object]:
    """Return everything that decides the weights."""
    decisive = to_json(settings)
    for name in ("output", "resume", "force"):
        del decisive[name]
    texts = None if settings.prune_vocabulary is None else str(settings.prune_vocabulary)
    sources = [*map(str, folders), settings.train, settings.dev, settings.unlabelled, settings.mlm, texts]
    decisive["sources"] = [fingerprint(source) for source in sources]
    return decisive
