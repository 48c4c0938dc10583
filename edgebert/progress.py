"""A progress bar of one line on stderr that needs no library."""

import logging
import sys
from types import TracebackType

from edgebert.errors import InputError

_WIDTH = 30  # characters


def wants_bar(show_progress_bar: bool | None) -> bool:
    """Say whether to show a bar; None shows one only where the logger "edgebert" is at INFO or lower."""
    if show_progress_bar is None:
        return logging.getLogger("edgebert").getEffectiveLevel() <= logging.INFO
    if not isinstance(show_progress_bar, bool):
        raise InputError(f"show_progress_bar is {show_progress_bar!r}: give True, False or None")
    return show_progress_bar


class ProgressBar:
    """Counts up to ``total``; writes nothing unless it is shown."""

    def __init__(self, total: int, unit: str, shown: bool) -> None:
        self._total = total
        self._unit = unit
        self._shown = shown
        self._done = 0
        self._percent = -1

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._percent >= 0:
            sys.stderr.write("\n")

    def advance(self, count: int) -> None:
        """Add ``count`` to what is done and draw the bar again where its percentage changed."""
        self._done += count
        percent = 100 * self._done // self._total
        if not self._shown or percent == self._percent:
            return
        self._percent = percent
        filled = _WIDTH * self._done // self._total
        bar = "#" * filled + "-" * (_WIDTH - filled)
        sys.stderr.write(f"\r[{bar}] {percent:3d} % of {self._total} {self._unit}")
        sys.stderr.flush()
