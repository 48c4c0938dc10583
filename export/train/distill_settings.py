"""What to distill, from which teachers, into which student."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from edgebert.errors import InputError
from edgebert.export.train.settings import Training
from edgebert.export.train.students import Shape
from edgebert.export.train.workspace import check_output

TRAINING = Training(epochs=8, learning_rate=2e-4)  # a student learns longer and faster than what is fine-tuned


@dataclasses.dataclass(frozen=True)
class Distill:
    """Settings of a distillation.

    Attributes:
        teachers: fine-tuned checkpoints of one task and one vocabulary; their logits or vectors are averaged, and what
            is learned of the inside is the first one's. The student is made of the first.
        train: texts with labels; for vectors, texts or pairs.
        output: folder of the checkpoint to write.
        shape: of the student.
        dev: labelled data that decides which epoch is kept; None keeps the last.
        unlabelled: more texts, of any format or a .txt file with a text a line; the teachers label them.
        columns: what the data calls a column, by the name that the task knows.
        losses: weights by loss, see `edgebert.export.train.objective`; None takes the task's.
        temperature: of the soft labels.
        augment: changed copies of each text, which the teachers label.
        augment_by: how, see `edgebert.export.train.augment`.
        mlm: checkpoint with a masked-language head for ``augment_by`` "mlm".
        prune_vocabulary: texts of the domain; only their tokens and those of ``train`` are kept.
        prune_ffn: neurons that each feed-forward block keeps.
        prune_heads: attention heads that each layer keeps.
        quantization_aware: epochs at the end in which INT8 is simulated.
        seeds: runs with seeds one after the other; the best on ``dev`` is kept.
        resume: go on where such a run was cut off.
        force: replace ``output`` where it exists.
        training: how to train.
    """

    teachers: tuple[str, ...]
    train: str
    output: Path
    shape: Shape
    dev: str | None = None
    unlabelled: str | None = None
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    losses: Mapping[str, float] | None = None
    temperature: float = 2.0
    augment: int = 0
    augment_by: tuple[str, ...] = ("delete", "swap", "neighbours")
    mlm: str | None = None
    prune_vocabulary: Path | None = None
    prune_ffn: int | None = None
    prune_heads: int | None = None
    quantization_aware: int = 0
    seeds: int = 1
    resume: bool = False
    force: bool = False
    training: Training = TRAINING

    def __post_init__(self) -> None:
        if not self.teachers:
            raise InputError("there is no teacher: name at least one")
        if self.temperature <= 0:
            raise InputError(f"temperature is {self.temperature:g}: give a number above 0")
        if self.augment < 0 or self.seeds < 1:
            raise InputError("augment and seeds: give whole numbers, seeds from 1")
        if self.dev is None and (self.seeds > 1 or self.training.patience is not None):
            raise InputError("several seeds and patience need dev data to compare on: name it with --dev")
        if not 0 <= self.quantization_aware <= self.training.epochs:
            raise InputError(f"quantization_aware is {self.quantization_aware}: give at most the number of epochs")
        if self.quantization_aware and self.training.patience is not None:
            raise InputError("patience could end the run before INT8 is simulated: drop it or quantization_aware")
        check_output(self.output, self.force)
