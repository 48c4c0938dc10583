"""What is going on, how much of it is done and how long it may still take."""

import dataclasses
import time
from collections.abc import Callable

_ENOUGH = 0.03  # of a stage, before its speed says anything


@dataclasses.dataclass(frozen=True)
class Step:
    """Where a preparation is."""

    stage: str
    part: float | None  # of the stage, from 0 to 1; None where TensorRT does not say
    seconds: float  # since the stage began
    seconds_left: float | None  # estimated; None where nothing is known yet


Progress = Callable[[Step], None]


class Stage:
    """Turns the parts of one stage into steps with an estimate."""

    def __init__(
        self, name: str, progress: Progress, usual: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin a stage; ``usual`` is how many seconds a stage like this took before."""
        self._name = name
        self._progress = progress
        self._usual = usual
        self._clock = clock
        self._begin = clock()
        self._part: float | None = None
        self.tell(None)

    def tell(self, part: float | None) -> None:
        """Report a part that is done, or, with None, that time has gone by."""
        self._part = self._part if part is None else part
        seconds = self._clock() - self._begin
        self._progress(Step(self._name, self._part, seconds, self._left(seconds)))

    def _left(self, seconds: float) -> float | None:
        if self._part is not None and self._part >= _ENOUGH:
            return seconds * (1 - self._part) / self._part
        return None if self._usual is None else max(0.0, self._usual - seconds)
