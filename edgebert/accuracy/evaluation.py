"""What a model is held to: texts, and how its answers to them are marked."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from edgebert.accuracy.metrics import Marks, Metric
from edgebert.errors import InputError
from edgebert.lines import Row
from edgebert.models import Model
from edgebert.rows import read_rows

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
    """

    source: str
    sha256: str
    metrics: tuple[Metric, ...]
    mark: Mark


def read_pairs(source: str, take: Callable[[Row], tuple[_Input, _Expected]]) -> tuple[list[_Input], list[_Expected]]:
    """Return what a model is given and what is expected of it, from each row of a data set.

    Raises:
        InputError: the source or a row cannot be used, or there is no row.
    """
    rows = [take(row) for row in read_rows(source)]
    if not rows:
        raise InputError(f"{source} holds no text: give at least one")
    return [given for given, _ in rows], [expected for _, expected in rows]


def evaluation_of(
    source: str, inputs: Iterable[object], expected: Iterable[object], metrics: tuple[Metric, ...], mark: Mark
) -> Evaluation:
    """Return an evaluation that is named after its source, without the folder."""
    digest = hashlib.sha256()
    for given, wanted in zip(inputs, expected, strict=True):
        digest.update(f"{given!r} {wanted!r}\n".encode("utf-8", "surrogatepass"))
    name = source if source.startswith("hub:") else Path(source).name
    return Evaluation(name, digest.hexdigest(), metrics, mark)
