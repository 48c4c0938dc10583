"""Fine-tune MiniLM on CLINC150 (150 intents), export it to INT8, and compare INT8 with FP32 on the test split.

    python benchmarks/clinc150.py ../shared/data/clinc150 [--epochs 4] [--output build/clinc150]

The folder holds train.jsonl, test.jsonl and oos_test.jsonl with {"text": ..., "label": ...} a line. It takes about ten
minutes on two cores.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from commands import edgebert, read_jsonl

from edgebert.bundle import open_bundle
from edgebert.classifier import Classifier
from edgebert.loader import load_bundle


def read(path: Path) -> tuple[list[str], list[str]]:
    rows = read_jsonl(path)
    return [row["text"] for row in rows], [row["label"] for row in rows]


def scores(bundle: Path, texts: list[str], baseline: bool) -> np.ndarray:
    model = load_bundle(open_bundle(bundle), baseline=baseline)
    assert isinstance(model, Classifier)
    found: np.ndarray = model.scores(texts)
    return found


def accuracy(found: np.ndarray, expected: list[str], labels: list[str]) -> float:
    return float(np.mean([labels[best] == label for best, label in zip(found.argmax(axis=1), expected, strict=True)]))


def rejects(known: np.ndarray, unknown: np.ndarray, min_score: float) -> dict[str, float]:
    """Return the shares of in-scope and out-of-scope texts that a threshold rejects."""
    return {
        "min_score": min_score,
        "rejected_in_scope": float((known.max(axis=1) < min_score).mean()),
        "rejected_out_of_scope": float((unknown.max(axis=1) < min_score).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--output", type=Path, default=Path("build/clinc150"))
    arguments = parser.parse_args()
    checkpoint = arguments.output / "checkpoint"
    settings = ["--epochs", arguments.epochs, "--learning-rate", 2e-4, "--freeze", "embeddings", "--force"]
    train = arguments.data / "train.jsonl"
    edgebert("finetune", "--task", "classify", "--train", train, *settings, "--output", checkpoint)
    bundle = arguments.output / "int8.bundle"
    edgebert("export", "--model", checkpoint, "--calibration", train, "--force", "--output", bundle)

    texts, expected = read(arguments.data / "test.jsonl")
    unknown, _ = read(arguments.data / "oos_test.jsonl")
    head = open_bundle(bundle).manifest.head
    labels = list(getattr(head, "labels", ()))
    int8, fp32 = scores(bundle, texts, baseline=False), scores(bundle, texts, baseline=True)
    strange = scores(bundle, unknown, baseline=False)
    result = {
        "texts": len(texts),
        "accuracy_fp32": accuracy(fp32, expected, labels),
        "accuracy_int8": accuracy(int8, expected, labels),
        "agreement": float((int8.argmax(axis=1) == fp32.argmax(axis=1)).mean()),
        "reject": [rejects(int8, strange, score) for score in (0.3, 0.5, 0.7, 0.9)],
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
