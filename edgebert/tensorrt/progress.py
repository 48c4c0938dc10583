"""How much of a build is done, from the nested phases that TensorRT tells."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class PhaseTree:
    """Turns phases and their steps into one number from 0 to 1 that never falls."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._phases: dict[str, _Phase] = {}
        self._shown = 0.0

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase begins; it is one step of its parent."""
        self._phases[name] = _Phase(parent, max(1, steps))

    def step(self, name: str, step: int) -> None:
        """A step, counted from 0, of a phase is done."""
        if name in self._phases:
            self._phases[name].done = step + 1
            self._tell()

    def finish(self, name: str) -> None:
        """A phase is done."""
        self._phases.pop(name, None)

    def _tell(self) -> None:
        roots = [name for name, phase in self._phases.items() if phase.parent not in self._phases]
        part = max((self._part(name) for name in roots), default=0.0)
        if part > self._shown:
            self._shown = min(part, 1.0)
            self._report(self._shown)

    def _part(self, name: str) -> float:
        phase = self._phases[name]
        inside = sum(self._part(child) for child, other in self._phases.items() if other.parent == name)
        return min(1.0, (phase.done + min(inside, 1.0)) / phase.steps)
