"""Speed of INT8 with fixed ranges against dynamic INT8 on ONNX Runtime, and how far both are from FP32.

    python benchmarks/static.py [--model CHECKPOINT] [--rounds N] [--threads N]

The model (without --model the MiniLM of the demo extra) is exported twice for this machine with the built-in texts.
Both graphs then run in turn, so that a change of the machine's speed meets both; the median of the ratios of all rounds
is shown.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from edgebert.bundle import open_bundle
from edgebert.engines import Session, open_session

LENGTHS = (8, 16, 32, 64, 128)
FLAGS = {"dynamic": [], "static": ["--static", "--calibration", "builtin"]}


def export(folder: Path, name: str, model: list[str]) -> None:
    command = [sys.executable, "-m", "edgebert.cli", "export", "--int8", "--target", "cpu", *FLAGS[name], *model]
    subprocess.run([*command, "--output", folder / name], check=True, capture_output=True)


def milliseconds(session: Session, ids: np.ndarray) -> float:
    start = time.perf_counter()
    session.run(ids, np.ones_like(ids))
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in FLAGS:
            export(folder, kind, ["--model", arguments.model] if arguments.model else [])
        bundles = [open_bundle(folder / kind) for kind in FLAGS]
        for kind, bundle in zip(FLAGS, bundles, strict=True):
            print(kind, bundle.manifest.scheme["onnxruntime"], dict(bundle.manifest.accuracy["onnxruntime"]))
        sessions = [open_session(bundle, "onnxruntime", arguments.threads) for bundle in bundles]
        for length in LENGTHS:
            ids = np.random.default_rng(length).integers(1000, 20000, (1, length)).astype(np.int32)
            ids %= bundles[0].manifest.shape.vocabulary
            times = np.array([[milliseconds(session, ids) for session in sessions] for _ in range(arguments.rounds)])
            dynamic, static = times.min(axis=0)
            ratio = float(np.median(times[:, 0] / times[:, 1]))
            print(f"{length} tokens: dynamic {dynamic:.2f} ms, static {static:.2f} ms, {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
