"""What to compare, on what, and where to."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgebert.bench import Settings as BenchSettings
from edgebert.engines import check_threads
from edgebert.errors import InputError
from edgebert.export.tables import Table, hints_of
from edgebert.export.train.distill_settings import TRAINING, Distill
from edgebert.export.train.settings import Training
from edgebert.export.train.students import Shape
from edgebert.export.train.workspace import check_output

Settings = Mapping[str, object]  # of a distillation, by name

TEACHER, STATIC = "teacher", "static"  # rows that are no student

# what a comparison decides for all of its students
_SHARED = ("teachers", "train", "dev", "output", "columns", "seeds", "seed", "resume", "force", "shape", "training")
HINTS = hints_of(Distill, Shape, Training, without=_SHARED)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_NO_NAME = re.compile(r"[^A-Za-z0-9]+")


@dataclasses.dataclass(frozen=True)
class CompareStudents:
    """Settings of a comparison.

    Attributes:
        teacher: fine-tuned checkpoint, a folder or a hub id.
        train: what the students learn from, as in a distillation.
        test: labelled data that every row is judged on.
        output: folder to write.
        students: settings of a distillation by the name of the student, as the table ``[distill]`` of a recipe has
            them, such as ``{"narrow": {"layers": 2, "hidden": 192, "heads": 6}}``; none takes students of fewer and
            fewer of the teacher's layers.
        dev: labelled data that decides which epoch, and with ``seeds`` which run, is kept.
        columns: what the data calls a column, by the name that the task knows.
        distill: settings of every student that has none of its own.
        calibration: texts for the exports, see `edgebert.export.Recipe`; None draws from ``train``.
        seeds: runs of each student with seeds one after the other; the best on ``dev`` is its row.
        threads: for one answer.
        rounds: times that each text is answered by each model.
        resume: go on where such a comparison was cut off.
        force: replace ``output`` where it exists.
        training: how to train.
    """

    teacher: str
    train: str
    test: str
    output: Path
    students: Mapping[str, Settings] = dataclasses.field(default_factory=dict)
    dev: str | None = None
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    distill: Settings = dataclasses.field(default_factory=dict)
    calibration: str | None = None
    seeds: int = 1
    threads: int = 1
    rounds: int = 10
    resume: bool = False
    force: bool = False
    training: Training = TRAINING

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError(f"seeds is {self.seeds}: give a whole number from 1")
        if self.dev is None and self.seeds > 1:
            raise InputError("several seeds need dev data to choose on: name it with --dev")
        check_threads(self.threads)
        BenchSettings(rounds=self.rounds)
        for name in self.students:
            _check_name(name)
        check_output(self.output, self.force)

    def table(self, student: str, own: Settings) -> dict[str, Any]:
        """Return the settings of the distillation of a student, by name.

        Raises:
            InputError: there is no such setting, or it is of another type.
        """
        shared = Table("--distill", "it", HINTS).typed(self.distill)
        named = Table(f"student {student}", "it", HINTS).typed(own)
        return {**dataclasses.asdict(self.training), **shared, **named}


def read_settings(text: str) -> Settings:
    """Return the settings of a distillation by name from a text such as "epochs=4,losses.logits=1".

    Raises:
        InputError: one is unknown or of another type.
    """
    return Table("--distill", "it", HINTS).parsed(text)


def read_students(texts: Sequence[str]) -> dict[str, Settings]:
    """Return students by name from texts such as "layers=3,prune-ffn=768" or "name=small,layers=2,hidden=192,heads=6".

    A student without a name is called after its settings.

    Raises:
        InputError: a setting is unknown or of another type, or two students have one name.
    """
    students: dict[str, Settings] = {}
    for text in texts:
        values = Table("--student", "a student", {"name": str, **HINTS}).parsed(text)
        name = str(values.pop("name", _NO_NAME.sub("-", text).strip("-")))
        _check_name(name)
        if name in students:
            raise InputError(f"two students are named {name!r}: give one of them another name with name=...")
        students[name] = values
    return students


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(f"a student is named {name!r}: use up to 100 of a-z, 0-9, - and _, or give name=...")
    if name in (TEACHER, STATIC):
        raise InputError(f"a student is named {name!r}, which is another row: give it another name")
