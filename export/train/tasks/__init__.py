"""What is to be learned: one module a task."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from edgebert.export.train.batches import Batch
from edgebert.export.train.loop import Metrics
from edgebert.export.train.store import Array, Features, Store
from edgebert.lines import Row

NAMES = ("classify", "tag", "answer", "embed")


class Task(Protocol):
    """A task with what its training rows decide, such as the labels."""

    @property
    def metric(self) -> str:
        """Name of the metric that decides which epoch is best; higher is better."""

    def encode(self, rows: Iterator[Row], tokenizer: Any, max_tokens: int) -> Iterator[Features]:  # noqa: ANN401
        """Turn rows into examples; a row that cannot be used is an InputError with its place."""

    def build(self, folder: Path) -> Any:  # noqa: ANN401  (a transformers model)
        """Load the model of a checkpoint folder with a head for this task, a new one where it has none that fits."""

    def loss(self, model: Any, batch: Batch) -> torch.Tensor:  # noqa: ANN401
        """Return the mean loss of a batch."""

    def predict(self, model: Any, batch: Batch) -> list[Array]:  # noqa: ANN401
        """Return what `score` needs to know about each example."""

    def score(self, found: Sequence[Array], data: Store) -> Metrics:
        """Compare predictions with the labels of a store."""

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:  # noqa: ANN401
        """Write the checkpoint into a folder that exists."""


class Objective(torch.nn.Module):
    """The loss of a task as a module."""

    def __init__(self, task: Task, model: torch.nn.Module) -> None:
        super().__init__()
        self.task = task
        self.model = model

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the mean loss of a batch."""
        return self.task.loss(self.model, batch)
