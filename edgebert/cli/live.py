"""Progress on stderr: bars on a terminal, lines elsewhere."""

from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, ProgressColumn, TaskID

_Self = TypeVar("_Self", bound="Live")


class Live:
    """A block of bars, one a stage, that is gone when the work is done.

    Attributes:
        lines: whether to write lines instead of bars, since stderr is no terminal.
    """

    def __init__(self, quiet: bool, *columns: ProgressColumn) -> None:
        """Make bars of columns; ``quiet`` shows neither bars nor lines."""
        console = Console(stderr=True)
        self.lines = not quiet and not console.is_terminal
        self.progress = Progress(*columns, console=console, transient=True, disable=quiet or self.lines)
        self._bars: dict[str, TaskID] = {}

    def __enter__(self: _Self) -> _Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def bar(self, stage: str) -> TaskID:
        """Return the bar of a stage; its field ``left`` is for a column that shows the time that is left."""
        if stage not in self._bars:
            self._bars[stage] = self.progress.add_task(stage, total=None, left="")
        return self._bars[stage]
