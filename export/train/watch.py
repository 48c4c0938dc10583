"""Who wants to know how training goes."""

from collections.abc import Mapping
from typing import Protocol


class Watcher(Protocol):
    """Told about each stage, some of the steps and each epoch of a run."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    def step(self, done: int, total: int, loss: float, texts: int) -> None:
        """``done`` of ``total`` steps are done, the latest with ``loss``; ``texts`` are those since the last call."""

    def epoch(self, number: int, loss: float, metrics: Mapping[str, float]) -> None:
        """An epoch, from 1, is done; ``loss`` is its mean; ``metrics`` are those of the dev set, empty without one."""


class Silent:
    """Says nothing."""

    def stage(self, name: str) -> None:
        """Say nothing."""

    def step(self, done: int, total: int, loss: float, texts: int) -> None:
        """Say nothing."""

    def epoch(self, number: int, loss: float, metrics: Mapping[str, float]) -> None:
        """Say nothing."""
