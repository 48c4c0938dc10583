"""Measure one cold start: read a job as JSON from stdin, write the findings as JSON to stdout.

The first text of a job is the first answer.
"""

import json
import os
import re
import sys
import time
from typing import TypedDict


class Job(TypedDict):
    """What to open and what to answer, see `edgebert.loader.load_bundle`."""

    bundle: str
    engine: str
    threads: int
    baseline: bool
    texts: list[str | list[str]]  # a list of two is a pair of texts


class Found(TypedDict):
    """Times in milliseconds and resident memory in bytes; see `edgebert.bench.report.ColdStart`."""

    import_ms: float
    open_ms: float
    first_answer_ms: float
    start_bytes: int | None
    opened_bytes: int | None
    answered_bytes: int | None
    peak_bytes: int | None


def resident(field: str) -> int | None:
    """Return VmRSS or VmHWM of this process in bytes, None where the system does not say."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            found = re.search(rf"^{field}:\s*(\d+) kB$", file.read(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def measure(job: Job) -> Found:
    """Import, open, answer."""
    start_bytes = resident("VmRSS")
    begin = time.perf_counter_ns()
    from edgebert.bundle import open_bundle
    from edgebert.loader import load_bundle

    imported = time.perf_counter_ns()
    model = load_bundle(open_bundle(job["bundle"]), job["engine"], job["threads"], job["baseline"])
    opened = time.perf_counter_ns()
    opened_bytes = resident("VmRSS")
    texts = [text if isinstance(text, str) else (text[0], text[1]) for text in job["texts"]]
    ready = time.perf_counter_ns()
    model.outputs(texts[:1])
    answered = time.perf_counter_ns()
    for text in texts[1:]:
        model.outputs([text])
    return {
        "import_ms": (imported - begin) / 1e6,
        "open_ms": (opened - imported) / 1e6,
        "first_answer_ms": (answered - ready) / 1e6,
        "start_bytes": start_bytes,
        "opened_bytes": opened_bytes,
        "answered_bytes": resident("VmRSS"),
        "peak_bytes": resident("VmHWM"),
    }


def main() -> None:
    """Answer one job; what goes wrong is part of the answer, because the parent reports it as "not measured"."""
    # what a library prints must not mix with the answer
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    document: dict[str, object]
    try:
        document = {"found": measure(json.load(sys.stdin))}
    except Exception as error:
        document = {"error": str(error) or type(error).__name__}
    json.dump(document, answers)
    answers.close()


if __name__ == "__main__":
    main()
