"""Spearman correlation on STS-B of FP32 and INT8 vectors on each engine, and how far they are apart.

    python benchmarks/stsb.py ../shared/data/stsb/test.jsonl [--model CHECKPOINT] [--int8 FLAGS] [--engine NAME ...]
        [--json]

The file holds {"text_a": ..., "text_b": ..., "score": ...} a line. The model (without --model the MiniLM of the demo
extra) is exported twice, to FP32 and to INT8, and every sentence goes through `edgebert embed`. FP32 is the fused graph
on onnxruntime. FLAGS are those of the INT8 export: "--target cpu" without them, or "--target cpu --static", or
"--target jetson --calibration builtin", whose graph runs on onnxruntime here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr


def edgebert(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "edgebert.cli", *map(str, arguments)], check=True, capture_output=True)


def vectors(bundle: Path, engine: str, texts: Path, folder: Path) -> np.ndarray:
    """Return unit vectors [texts, dimension] of a bundle on an engine."""
    output = folder / "vectors.npy"
    edgebert("embed", bundle, "--engine", engine, "--file", texts, "--output", output)
    rows: np.ndarray = np.load(output)
    output.unlink()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def spearman(rows: np.ndarray, scores: list[float]) -> float:
    first, second = rows[: len(scores)], rows[len(scores) :]
    return 100 * float(spearmanr((first * second).sum(axis=1), scores).statistic)


def measure(engine: str, found: np.ndarray, fp32: np.ndarray, scores: list[float]) -> dict[str, object]:
    cosines = (fp32 * found).sum(axis=1)
    return {
        "engine": engine,
        "spearman": spearman(found, scores),
        "cosine_mean": float(cosines.mean()),
        "cosine_min": float(cosines.min()),
        "share_under_0.995": float((cosines < 0.995).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--int8", default="--target cpu", metavar="FLAGS")
    parser.add_argument("--engine", action="append", help="of the INT8 vectors; without it native and onnxruntime")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lines = arguments.file.read_text(encoding="utf-8").split("\n")
    pairs = [json.loads(line) for line in lines if line]
    scores = [pair["score"] for pair in pairs]
    model = ["--model", arguments.model] if arguments.model else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = folder / "texts.jsonl"
        rows = [pair["text_a"] for pair in pairs] + [pair["text_b"] for pair in pairs]
        texts.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8")
        for precision, flags in (("fp32", "--target cpu"), ("int8", arguments.int8)):
            edgebert("export", f"--{precision}", *flags.split(), "--output", folder / precision, *model)
        fp32 = vectors(folder / "fp32", "onnxruntime", texts, folder)
        engines = arguments.engine or ["native", "onnxruntime"]
        found = [measure(each, vectors(folder / "int8", each, texts, folder), fp32, scores) for each in engines]
    if arguments.json:
        print(json.dumps({"sentences": len(rows), "fp32": spearman(fp32, scores), "int8": found}, indent=1))
        return
    print(f"Spearman x100 on {len(pairs)} pairs: FP32 {spearman(fp32, scores):.2f}")
    for one in found:
        print(
            f"INT8 on {one['engine']}: Spearman x100 {one['spearman']:.2f}, cosine to FP32 mean "
            f"{one['cosine_mean']:.5f}, lowest {one['cosine_min']:.5f}, {one['share_under_0.995']:.2%} under 0.995"
        )


if __name__ == "__main__":
    main()
