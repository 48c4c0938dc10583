"""Cold start and memory: each measurement is a fresh process, in turn between the contestants."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

from edgebert.bench.probe.__main__ import Found, Job
from edgebert.bench.report import ColdStart
from edgebert.errors import EngineError

_PROBE = Path(__file__).parent / "probe"
_TIMEOUT = 600  # seconds; a large model on a small board opens and answers in far less


def cold_starts(jobs: Sequence[Job], starts: int, on_start: Callable[[], None]) -> list[ColdStart | EngineError]:
    """Measure every job in ``starts`` fresh processes, one at a time.

    Args:
        jobs: one a contestant.
        starts: processes for each job, at least 1.
        on_start: called after each process.

    Returns:
        the medians of each job, or why it was not measured.
    """
    found: list[list[Found]] = [[] for _ in jobs]
    failed: dict[int, EngineError] = {}
    for _ in range(starts):
        for index, job in enumerate(jobs):
            try:
                found[index].append(probe(job))
            except EngineError as error:
                failed[index] = error
            on_start()
    return [failed[index] if index in failed else _medians(values) for index, values in enumerate(found)]


def probe(job: Job, program: Path = _PROBE) -> Found:
    """Run one job in a fresh interpreter and return what it found.

    Raises:
        EngineError: the process failed, was ended or took too long.
    """
    # the folder's path and not "-m edgebert...": that would import edgebert before its import can be timed
    command = [sys.executable, "-W", "ignore", str(program)]
    try:
        done = subprocess.run(
            command, input=json.dumps(job), capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"a fresh process did not answer within {_TIMEOUT} seconds") from error
    except OSError as error:
        raise EngineError(f"cannot start {sys.executable}: {error.strerror}") from error
    if done.returncode:
        raise EngineError(f"a fresh process ended with status {done.returncode}: {_last_line(done.stderr)}")
    document = json.loads(done.stdout)
    if "error" in document:
        raise EngineError(f"a fresh process failed: {document['error']}")
    found: Found = document["found"]
    return found


def _medians(found: list[Found]) -> ColdStart:
    return ColdStart(
        processes=len(found),
        import_ms=median(one["import_ms"] for one in found),
        open_ms=median(one["open_ms"] for one in found),
        first_answer_ms=median(one["first_answer_ms"] for one in found),
        start_bytes=_middle(one["start_bytes"] for one in found),
        opened_bytes=_middle(one["opened_bytes"] for one in found),
        answered_bytes=_middle(one["answered_bytes"] for one in found),
        peak_bytes=_middle(one["peak_bytes"] for one in found),
    )


def _middle(sizes: Iterable[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return int(median(known)) if known else None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
