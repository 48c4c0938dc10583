"""One process prepares a bundle at a time. The system frees the lock however its holder ends."""

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

LOCK = "lock"


@contextlib.contextmanager
def locked(folder: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a folder that exists; ``on_wait`` is called once where another process has it."""
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
