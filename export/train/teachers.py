"""What a teacher is for, and its model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgebert.errors import CheckpointError, InputError
from edgebert.export.checkpoint import load_config
from edgebert.export.sentence_transformers import read_sentence_settings
from edgebert.export.train.distill_data import Task
from edgebert.export.train.distill_settings import Distill
from edgebert.export.train.sources import training_rows
from edgebert.export.train.tasks.answer import Answer
from edgebert.export.train.tasks.classify import MULTI, Classify
from edgebert.export.train.tasks.embed import Embed
from edgebert.export.train.tasks.models import load_model
from edgebert.export.train.tasks.tag import Tag


def teacher_task(folder: Path, settings: Distill) -> Task:
    """Return the task that a checkpoint was fine-tuned for, with its labels.

    Raises:
        CheckpointError: its architecture is none of a task that can be distilled.
    """
    config = load_config(folder)
    kind = (config.architectures or ["BertModel"])[0]
    labels = tuple(str(config.id2label[at]) for at in range(config.num_labels))
    if kind == "BertForSequenceClassification":
        if config.problem_type == "regression" or (len(labels) == 1 and config.problem_type != MULTI):
            raise CheckpointError(f"{folder} gives a value and no label: a teacher classifies, tags, answers or embeds")
        return Classify(labels, config.problem_type == MULTI)
    if kind == "BertForTokenClassification":
        return Tag(labels)
    if kind == "BertForQuestionAnswering":
        return Answer()
    if kind != "BertModel":
        raise CheckpointError(f"{folder} is a {kind}: a teacher classifies, tags, answers or embeds")
    if settings.dev is None:
        return Embed(read_sentence_settings(folder).head)
    rows = training_rows(settings.dev, settings.columns)
    return Embed.from_rows(rows, settings.dev, folder, settings.training.seed)


def load_teacher(folder: Path, attention: bool) -> Any:  # noqa: ANN401
    """Load a fine-tuned model with all of its weights; attention probabilities need plain attention."""
    kind = (load_config(folder).architectures or ["BertModel"])[0]
    extra = {"add_pooling_layer": False} if kind == "BertModel" else {}
    return load_model(kind, folder, complete=True, attn_implementation="eager" if attention else "sdpa", **extra).eval()


def check_alike(teachers: tuple[Any, ...], folders: Sequence[Path]) -> None:
    """Refuse teachers whose answers cannot be averaged.

    Raises:
        InputError: they have other labels or another vocabulary.
    """
    first = teachers[0].config
    for teacher, folder in zip(teachers[1:], folders[1:], strict=True):
        other = teacher.config
        if (other.architectures, other.id2label, other.vocab_size) != (
            first.architectures,
            first.id2label,
            first.vocab_size,
        ):
            raise InputError(f"{folder} has other labels or another vocabulary than {folders[0]}: teachers must agree")
