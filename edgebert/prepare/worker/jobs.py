"""What the process does: look what is installed, build an engine, let engines answer."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgebert.bundle import open_bundle
from edgebert.device import this_device
from edgebert.tensorrt.build import BuildJob, build_engine
from edgebert.tensorrt.cuda import find_gpu
from edgebert.tensorrt.library import import_library
from edgebert.tensorrt.plan import Profile

Report = Callable[[float], None]
_STEP = 0.005  # of a build, between two reports


def _facts(job: Mapping[str, Any], report: Report) -> Mapping[str, object]:
    library = import_library(job["library"], this_device(Path(job.get("root", "/"))))
    gpu = find_gpu()
    return {"version": library.version, "gpu": dataclasses.asdict(gpu) if gpu else None}


def _build(job: Mapping[str, Any], report: Report) -> Mapping[str, object]:
    library = import_library(job["library"], this_device())
    timings = Path(job["timings"])
    started = time.monotonic()
    built = build_engine(
        library,
        BuildJob(
            graph=Path(job["graph"]),
            flags=tuple(job["flags"]),
            profiles=tuple(Profile(**profile) for profile in job["profiles"]),
            workspace_bytes=job["workspace_bytes"],
            timing_cache=timings.read_bytes(),
        ),
        _sparing(report),
    )
    Path(job["output"]).write_bytes(built.engine)
    timings.write_bytes(built.timing_cache)
    return {"engine_sha256": hashlib.sha256(built.engine).hexdigest(), "seconds": round(time.monotonic() - started, 3)}


def _judge(job: Mapping[str, Any], report: Report) -> Mapping[str, object]:
    from edgebert.prepare.judge import judge  # half of what this process would import, and a build needs none of it

    library = import_library(job["library"], this_device())
    engines = {precision: Path(path) for precision, path in job["engines"].items()}
    return judge(open_bundle(job["bundle"]), library, engines, report)


def _sparing(report: Report) -> Report:
    """Report only steps that somebody can see."""
    last = [0.0]

    def tell(part: float) -> None:
        if part - last[0] >= _STEP:
            last[0] = part
            report(part)

    return tell


JOBS: Mapping[str, Callable[[Mapping[str, Any], Report], Mapping[str, object]]] = {
    "facts": _facts,
    "build": _build,
    "judge": _judge,
}
