"""What benchmarks share: run a command of edgebert, score a bundle on labelled data, read and write rows."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgebert.accuracy.labelled import read_labelled
from edgebert.bundle import open_bundle
from edgebert.loader import load_bundle


def edgebert(*arguments: object) -> float:
    """Run `edgebert` with these arguments and return the seconds that it took; what it says goes to stderr."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "edgebert.cli", *map(str, arguments)], check=True, stdout=sys.stderr)
    return time.monotonic() - start


def exported(checkpoint: Path, calibration: Path, *more: object) -> Path:
    """Export a checkpoint for this CPU beside itself and return the bundle."""
    bundle = checkpoint.with_name(checkpoint.name + ".bundle")
    edgebert(
        "export", "--model", checkpoint, "--calibration", calibration, "--output", bundle, "--force", "--quiet", *more
    )
    return bundle


def scores(bundle: Path, labelled: Path) -> dict[str, dict[str, float]]:
    """Return the metrics of a bundle and of its FP32 baseline on labelled data, in percent."""
    opened = open_bundle(bundle)
    evaluation = read_labelled(str(labelled), opened.manifest.head)
    found = {}
    for name, baseline in (("fp32", True), ("int8", False)):
        marks = evaluation.mark(load_bundle(opened, baseline=baseline))
        found[name] = {metric.name: round(100 * metric.score(marks), 2) for metric in evaluation.metrics}
    return found


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def write_jsonl(path: Path, rows: Iterable[object]) -> Path:
    """Write rows to a file and return it."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
