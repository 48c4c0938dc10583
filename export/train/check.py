"""Refuse a distillation that cannot work before any of its data is read."""

from pathlib import Path
from typing import Any

from edgebert.errors import InputError
from edgebert.export.checkpoint import load_config, resolve
from edgebert.export.train.augment import check_kinds
from edgebert.export.train.distill_data import Task
from edgebert.export.train.distill_settings import Distill
from edgebert.export.train.finetune import token_limit
from edgebert.export.train.groups import frozen_depths
from edgebert.export.train.objective import check_weights, default_weights
from edgebert.export.train.prune import check_pruning
from edgebert.export.train.students import student_config
from edgebert.export.train.tasks.answer import Answer
from edgebert.export.train.tasks.embed import Embed


def check_student(settings: Distill, task: Task, folder: Path) -> None:
    """Check the settings of a student against its teacher.

    Args:
        settings: of the distillation.
        task: of the teacher.
        folder: its checkpoint.

    Raises:
        InputError: the student cannot be made or trained so.
        CheckpointError: the masked-language model is missing.
    """
    config = load_config(folder)
    student, _ = student_config(config, settings.shape)
    check_pruning(student, settings.prune_ffn, settings.prune_heads)
    check_weights(task, default_weights(task) if settings.losses is None else settings.losses)
    frozen_depths(settings.training.freeze, settings.shape.layers)
    token_limit(folder, settings.training)
    _check_texts(settings, task)
    _check_width(config, student, task)


def _check_texts(settings: Distill, task: Task) -> None:
    if settings.augment:
        check_kinds(settings.augment_by, settings.mlm is not None)
        if settings.mlm is not None:
            load_config(resolve(settings.mlm))
    if isinstance(task, Answer) and (settings.unlabelled is not None or settings.augment):
        raise InputError("questions cannot be augmented or given without answers: drop --unlabelled and --augment")


def _check_width(teacher: Any, student: Any, task: Task) -> None:  # noqa: ANN401  (transformers.BertConfig)
    most, width = teacher.hidden_size, student.hidden_size
    if isinstance(task, Embed) and width > most:
        raise InputError(f"vectors of {most} numbers cannot teach {width}: give --hidden {most} or less")
