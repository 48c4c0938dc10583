"""Say which stage a verb is in: a moving line on a terminal, a line a stage elsewhere."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console

from edgebert.cli.words import say


@contextlib.contextmanager
def stages(quiet: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that takes the name of each stage as it begins."""
    console = Console(stderr=True)
    with console.status("starting") as status:

        def show(stage: str) -> None:
            status.update(stage)
            if not quiet and not console.is_terminal:
                say(stage)

        yield show
