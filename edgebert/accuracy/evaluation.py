"""What a model is held to: texts, and how its answers to them are marked."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from edgebert.accuracy.metrics import Marks, Metric
from edgebert.errors import InputError
from edgebert.lines import Row
from edgebert.models import Model
from edgebert.texts import Record, parts_of

Mark = Callable[[Model], Marks]

_Input = TypeVar("_Input")
_Expected = TypeVar("_Expected")


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Texts with what is expected of a model.

    Attributes:
        source: where the texts are from, for reports.
        sha256: of the texts and of what is expected.
        metrics: what is measured; the first decides.
        mark: lets a model answer the texts and returns the marks that the metrics share.
        inputs: the texts, as a model is given them.
    """

    source: str
    sha256: str
    metrics: tuple[Metric, ...]
    mark: Mark
    inputs: tuple[Record, ...]

    def count_of(self, others: Iterable[Record]) -> int:
        """Return how many of the texts stand among others; of a pair both parts, together or apart."""
        known = {part for other in others for part in parts_of(other)}
        return sum(known.issuperset(parts_of(given)) for given in self.inputs)


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Rows with what is expected of a model, and the name of where they are from."""

    source: str
    rows: Iterable[Row]


def read_pairs(data: Labelled, take: Callable[[Row], tuple[_Input, _Expected]]) -> tuple[list[_Input], list[_Expected]]:
    """Return what a model is given and what is expected of it, from each row of a data set.

    Raises:
        InputError: a row cannot be read or used, or there is no row.
    """
    rows = [take(row) for row in data.rows]
    if not rows:
        raise InputError(f"{data.source} holds no text: give at least one")
    return [given for given, _ in rows], [expected for _, expected in rows]


def evaluation_of(
    data: Labelled, inputs: Sequence[Record], expected: Iterable[object], metrics: tuple[Metric, ...], mark: Mark
) -> Evaluation:
    """Return an evaluation that is named after its source, without the folder."""
    digest = hashlib.sha256()
    for given, wanted in zip(inputs, expected, strict=True):
        digest.update(f"{given!r} {wanted!r}\n".encode("utf-8", "surrogatepass"))
    name = data.source if data.source.startswith("hub:") else Path(data.source).name
    return Evaluation(name, digest.hexdigest(), metrics, mark, tuple(inputs))
