"""What the tools that write a checked-in file have in common."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def write_or_check(target: Path, text: Callable[[], str], about: str | None) -> int:
    """Write a generated file, or with --check say whether it is current; returns the exit code."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 where the file is stale")
    check = parser.parse_args().check
    wanted = text()
    if not check:
        target.write_text(wanted, encoding="utf-8")
    elif not target.exists() or target.read_text(encoding="utf-8") != wanted:
        sys.stderr.write(f"{target.name} is stale: run python {Path(sys.argv[0]).as_posix()}\n")
        return 1
    return 0
