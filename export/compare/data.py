"""The texts of a comparison: read once before anything is trained, so that what is wrong is said at once."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgebert.accuracy.columns import words_in
from edgebert.calibration import SAMPLES, draw_texts
from edgebert.errors import InputError
from edgebert.export.train.distill_data import Task, each_text, labelled_and_not
from edgebert.export.train.distill_settings import Distill
from edgebert.export.train.examples import filled
from edgebert.export.train.sources import training_rows
from edgebert.export.train.tasks.answer import Answer
from edgebert.export.train.tasks.classify import Classify, labels_of
from edgebert.export.train.tasks.embed import Embed
from edgebert.export.train.tasks.tag import Tag
from edgebert.files import new_file
from edgebert.lines import Row
from edgebert.texts import Record

_PAIRS = {True: ("question", "context"), False: ("text", "text_pair")}  # columns, by whether it is about answers


def judged_rows(source: str, columns: Mapping[str, str], task: Task) -> Iterator[Row]:
    """Yield labelled rows with labels as training reads them, where a whole number is a name and no place in a list.

    Raises:
        InputError: a row cannot be read, or has several labels where the teacher gives one.
    """
    for row in training_rows(source, columns):
        if not isinstance(task, Classify):
            yield row
            continue
        labels = labels_of(row)
        if not task.several and len(labels) != 1:
            raise InputError(f"{row.where}: there are {len(labels)} labels, and the teacher gives one: give one")
        yield Row(row.where, {**row.values, "labels": labels} if task.several else {**row.values, "label": labels[0]})


def records_of(source: str, columns: Mapping[str, str], task: Task) -> Iterator[Record]:
    """Yield what a model of a task reads of the rows of a source."""
    if isinstance(task, Tag):
        yield from (" ".join(words_in(row, "tokens")) for row in training_rows(source, columns))
    elif isinstance(task, Answer):
        yield from ((filled(row, "question"), filled(row, "context")) for row in training_rows(source, columns))
    else:
        for first, second in each_text(source, columns):
            if isinstance(task, Embed):
                yield from (first,) if second is None else (first, second)
            else:
                yield first if second is None else (first, second)


def write_calibration(path: Path, records: Iterable[Record], task: Task) -> None:
    """Draw as many texts as an export looks at, and write them so that `edgebert export --calibration` reads them."""
    pair = _PAIRS[isinstance(task, Answer)]
    drawn = draw_texts("--train", records, 2 * SAMPLES, 0).chosen
    with new_file(path) as draft, draft.open("w", encoding="utf-8") as file:
        for record in drawn:
            row = {"text": record} if isinstance(record, str) else dict(zip(pair, record, strict=True))
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def check_rows(settings: Distill, task: Task, tokenizer: Any, limit: int) -> None:  # noqa: ANN401
    """Read every row that a distillation will read.

    Raises:
        InputError: one of them cannot be used, or there is none.
    """
    if not sum(1 for _ in labelled_and_not(settings, task, tokenizer, limit)):
        raise InputError(f"{settings.train} holds no row: give labelled data")
    if settings.dev is not None:
        rows = training_rows(settings.dev, settings.columns)
        if not sum(1 for _ in task.encode(rows, tokenizer, limit)):
            raise InputError(f"{settings.dev} holds no row: give labelled data")
