"""Versions of TensorRT, and what is wrong with one."""

import re
from typing import NamedTuple


class Version(NamedTuple):
    """A version by its first two numbers: what a graph must fit."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def parse_version(text: str) -> Version | None:
    """Return the first two numbers of "10.3", "10.3.0.30" or "8.5.2.2", None where there are none."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.|$)", text)
    return Version(int(found[1]), int(found[2])) if found else None
