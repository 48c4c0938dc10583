"""What a model is held to: texts, and how its answers to them are marked."""

import dataclasses
from collections.abc import Callable

from edgebert.accuracy.metrics import Marks, Metric
from edgebert.models import Model


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
    mark: Callable[[Model], Marks]
