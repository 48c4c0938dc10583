"""Remove engines that this device no longer needs, so that updates do not fill its disk."""

import contextlib
import fcntl
import re
import shutil
from pathlib import Path

from edgebert.prepare.lock import LOCK

_KEY = re.compile(r"[0-9a-f]{32}")


def prune(cache: Path, keep: Path) -> None:
    """Remove the folders of all keys but one; a folder in which another process builds stays."""
    for folder in cache.iterdir():
        if folder == keep or not _KEY.fullmatch(folder.name) or not (folder / LOCK).is_file():
            continue
        with (folder / LOCK).open("a") as file, contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
