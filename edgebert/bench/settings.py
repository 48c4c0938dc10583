"""What a benchmark is asked to do."""

import dataclasses
import os

from edgebert.errors import InputError

BASELINES = ("fp32", "none")

_LIMITS = {"rounds": 1000, "sample": 2048, "starts": 100}


@dataclasses.dataclass(frozen=True)
class Settings:
    """The choices of a benchmark; wrong ones are refused when it is made."""

    baseline: str = "fp32"  # "fp32" or "none"
    texts: str | os.PathLike[str] | None = None  # a text file; None takes the built-in texts
    column: str = "text"  # of a table or JSONL file
    engine: str | None = None  # None takes every engine of the bundle that is installed
    threads: int = 1
    rounds: int = 10
    sample: int = 64  # texts a round
    starts: int = 3  # fresh processes for each contestant

    def __post_init__(self) -> None:
        """Check the choices; ``threads`` is checked where the engine is opened.

        Raises:
            InputError: a choice does not exist or a number is out of range.
        """
        if self.baseline not in BASELINES:
            raise InputError(f"there is no baseline {self.baseline!r}: choose one of {', '.join(BASELINES)}")
        for name, most in _LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise InputError(f"{name} is {value!r}: give a whole number from 1 to {most}")
