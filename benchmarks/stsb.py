"""Spearman correlation on STS-B of FP32 and INT8 vectors, and how far they are apart.

    python benchmarks/stsb.py ../shared/data/stsb/test.jsonl [--model CHECKPOINT] [--json]

The file holds {"text_a": ..., "text_b": ..., "score": ...} a line. The model (without --model the MiniLM of the demo
extra) is exported twice, to FP32 and to INT8 with the built-in texts, and every sentence goes through `edgebert embed`.
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
    subprocess.run([sys.executable, "-m", "edgebert.cli", *map(str, arguments)], check=True, stderr=subprocess.DEVNULL)


def vectors(model: list[str], precision: str, texts: Path, folder: Path) -> np.ndarray:
    """Return unit vectors [texts, dimension] of an exported bundle."""
    bundle, output = folder / f"{precision}.bundle", folder / f"{precision}.npy"
    edgebert("export", f"--{precision}", "--target", "cpu", "--output", bundle, *model)
    edgebert("embed", bundle, "--file", texts, "--output", output)
    rows: np.ndarray = np.load(output)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lines = arguments.file.read_text(encoding="utf-8").split("\n")
    pairs = [json.loads(line) for line in lines if line]
    scores = [pair["score"] for pair in pairs]
    model = ["--model", arguments.model] if arguments.model else []
    with tempfile.TemporaryDirectory() as name:
        texts = Path(name) / "texts.jsonl"
        rows = [pair["text_a"] for pair in pairs] + [pair["text_b"] for pair in pairs]
        texts.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8")
        found = {precision: vectors(model, precision, texts, Path(name)) for precision in ("fp32", "int8")}
    result = {
        precision: 100 * float(spearmanr((v[: len(pairs)] * v[len(pairs) :]).sum(axis=1), scores).statistic)
        for precision, v in found.items()
    }
    cosines = (found["fp32"] * found["int8"]).sum(axis=1)
    result |= {"cosine_mean": float(cosines.mean()), "cosine_min": float(cosines.min())}
    if arguments.json:
        print(json.dumps({**result, "sentences": len(cosines)}, indent=1))
        return
    print(f"Spearman x100 on {len(pairs)} pairs: FP32 {result['fp32']:.2f}, INT8 {result['int8']:.2f}")
    print(f"cosine INT8 to FP32: mean {result['cosine_mean']:.4f}, lowest {result['cosine_min']:.4f}")


if __name__ == "__main__":
    main()
