"""Files of a machine, read so that reading never fails."""

from collections.abc import Iterable
from pathlib import Path


def read(root: Path, name: str) -> str:
    """Return the text of a file under ``root``, empty where it cannot be read."""
    try:
        return (root / name).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def first(values: Iterable[str]) -> str | None:
    """Return the first value, None where there is none."""
    return next(iter(values), None)
