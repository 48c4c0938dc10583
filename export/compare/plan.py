"""Which students are trained: one chain for each of them and each seed, checked before anything is done."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgebert.calibration import BUILTIN
from edgebert.errors import InputError
from edgebert.export.chain import Chain
from edgebert.export.chain_recipe import check_files, distilled
from edgebert.export.checkpoint import load_config, resolve
from edgebert.export.compare.settings import TEACHER, CompareStudents, Settings
from edgebert.export.recipe import Recipe, model_name
from edgebert.export.train.check import check_student
from edgebert.export.train.distill_data import Task
from edgebert.export.train.distill_settings import Distill
from edgebert.export.train.teachers import teacher_task

CALIBRATION = "calibration.jsonl"
BUNDLE = ".bundle"

_SHARES = (2 / 3, 1 / 2, 1 / 3, 1 / 6)  # of the teacher's layers, where nobody names students


@dataclasses.dataclass(frozen=True)
class Trial:
    """A student with one seed.

    Attributes:
        student: its name.
        seed: of its training.
        settings: that are its own.
        checkpoint: folder of the trained student.
        bundle: folder of its export.
        distill: how it is trained.
        chain: trains and exports it.
    """

    student: str
    seed: int
    settings: Settings
    checkpoint: Path
    bundle: Path
    distill: Distill
    chain: Chain


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is done.

    Attributes:
        task: what teacher and students do.
        folder: checkpoint of the teacher.
        teacher: exports the teacher.
        trials: the students, the seeds of each one after the other.
        calibration: source of the texts for the exports.
    """

    task: Task
    folder: Path
    teacher: Recipe
    trials: tuple[Trial, ...]
    calibration: str


def make_plan(settings: CompareStudents, work: Path) -> Plan:
    """Plan a comparison and check all that can be checked without reading data.

    Args:
        settings: of the comparison.
        work: folder in which it is done.

    Raises:
        InputError: a setting or a student cannot be used, or a file is not there.
        CheckpointError: the teacher is missing or not supported.
    """
    texts = None if settings.calibration == BUILTIN else settings.calibration
    check_files(settings.train, settings.dev, settings.test, texts)
    folder = resolve(settings.teacher)
    layers = load_config(folder).num_hidden_layers
    calibration = settings.calibration or str(work / CALIBRATION)
    students = settings.students or _fewer_layers(layers)
    trials = tuple(_trials(settings, students, work, calibration))
    task = teacher_task(folder, trials[0].distill)
    for trial in trials:
        check_files(trial.distill.unlabelled, trial.distill.prune_vocabulary)
        try:
            check_student(trial.distill, task, folder)
        except InputError as error:
            raise InputError(f"student {trial.student}: {error}") from error
    name = model_name(settings.teacher)
    teacher = Recipe(work / f"{TEACHER}{BUNDLE}", settings.teacher, calibration=calibration, name=name, force=True)
    return Plan(task, folder, teacher, trials, calibration)


def _fewer_layers(layers: int) -> dict[str, Settings]:
    counts = {round(layers * share) for share in _SHARES} - {0, layers}
    if not counts:
        raise InputError(f"a teacher of {layers} layer has no students of fewer: name some with --student")
    return {f"layers-{count}": {"layers": count} for count in sorted(counts, reverse=True)}


def _trials(
    settings: CompareStudents, students: Mapping[str, Settings], work: Path, calibration: str
) -> Iterator[Trial]:
    data: dict[str, object] = {"train": settings.train, "columns": settings.columns, "resume": True}
    data |= {} if settings.dev is None else {"dev": settings.dev}
    for student, own in students.items():
        table = settings.table(student, own)
        for seed in range(settings.training.seed, settings.training.seed + settings.seeds):
            place = work / (student if settings.seeds == 1 else f"{student}.seed-{seed}")
            bundle = place.with_name(f"{place.name}{BUNDLE}")
            name = f"{model_name(settings.teacher)}-{student}"
            recipe = {"model": settings.teacher, "output": bundle, "calibration": calibration, "name": name}
            chain = distilled({**recipe, "force": True}, {**table, **data, "seed": seed, "student": place})
            assert chain.distill is not None  # `distilled` gives one
            yield Trial(student, seed, own, place, bundle, chain.distill, chain)
