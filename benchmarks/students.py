"""Students of three layers: with a teacher, without one, and in INT8, on the test split of a data set.

    python benchmarks/students.py classify ../shared/data/sst2 [--teacher CHECKPOINT] [--seeds 3] [--output FOLDER]
    python benchmarks/students.py classify ../shared/data/clinc150 --learning-rate 2e-4 --epochs 4
    python benchmarks/students.py embed ../shared/data/stsb

A folder holds train.jsonl, dev.jsonl and test.jsonl. Without --teacher, the MiniLM of the demo extra is fine-tuned
first; for `embed` it is the teacher as it is. Every model is judged on the test split by its own bundle in FP32 and
INT8, and the speed is that of `edgebert bench`. One JSON object comes out. It takes hours on two cores.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from transformers import AutoTokenizer, BertModel

import edgebert
from edgebert.bundle import open_bundle
from edgebert.export.checkpoint import demo_checkpoint
from edgebert.export.train import Shape
from edgebert.export.train.metrics import spearman
from edgebert.export.train.students import make_student
from edgebert.loader import load_bundle

LAYERS = 3


def run(*arguments: object) -> str:
    command = [sys.executable, "-m", "edgebert.cli", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def score(bundle: Path, rows: list[dict[str, object]], baseline: bool) -> float:
    """Return accuracy, or Spearman x100, of a bundle or of its FP32 baseline, in percent."""
    model = load_bundle(open_bundle(bundle), baseline=baseline)
    if isinstance(model, edgebert.Classifier):
        found = [answer["label"] for answer in model.classify([str(row["text"]) for row in rows])]
        return 100 * float(np.mean([label == str(row["label"]) for label, row in zip(found, rows, strict=True)]))
    assert isinstance(model, edgebert.Encoder)
    first, second = (
        model.encode([str(row[name]) for row in rows], normalize_embeddings=True) for name in ("text_a", "text_b")
    )
    return 100 * spearman((first * second).sum(axis=1), np.array([float(str(row["score"])) for row in rows]))


def judged(checkpoint: Path, data: Path, rows: list[dict[str, object]]) -> dict[str, float]:
    bundle = checkpoint.with_suffix(".bundle")
    calibration = ["--calibration", data / "train.jsonl"]
    run("export", "--model", checkpoint, "--output", bundle, "--force", "--quiet", *calibration)
    speed = (
        json.loads(run("bench", bundle, "--texts", data / "test.jsonl", "--json", "--quiet"))
        if "text" in rows[0]
        else {}
    )
    found = {"fp32": score(bundle, rows, True), "int8": score(bundle, rows, False)}
    return found | ({"bench": speed} if speed else {})


def short_checkpoint(folder: Path) -> Path:
    """Write the first layers that `edgebert distill` would start from, of MiniLM as it is."""
    base = demo_checkpoint()
    make_student(BertModel.from_pretrained(base), Shape(LAYERS)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def several(
    verb: list[object], name: str, data: Path, rows: list[dict[str, object]], arguments: argparse.Namespace
) -> dict[str, object]:
    """Train once for each seed and return the scores on the test split with their mean and deviation."""
    results = []
    for seed in range(arguments.seeds):
        checkpoint = arguments.output / f"{name}-{seed}"
        flags = ["--train", data / "train.jsonl", "--dev", data / "dev.jsonl", "--seed", seed, "--force"]
        rates = ["--epochs", arguments.epochs, "--learning-rate", arguments.learning_rate]
        run(*verb, *flags, *rates, "--output", checkpoint)
        results.append(judged(checkpoint, data, rows))
    summary: dict[str, object] = {"seeds": results}
    for kind in ("fp32", "int8"):
        values = [result[kind] for result in results]
        summary[kind] = {"mean": statistics.fmean(values), "deviation": statistics.pstdev(values)}
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("classify", "embed"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument(
        "--distill", nargs="*", default=[], help="more flags for `edgebert distill`, without dashes: augment=2"
    )
    parser.add_argument("--output", type=Path, default=Path("build/students"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in (arguments.data / "test.jsonl").read_text("utf-8").split("\n") if line]
    teacher = arguments.teacher or Path(demo_checkpoint())
    if arguments.teacher is None and arguments.task == "classify":
        teacher = arguments.output / "teacher"
        data = ["--train", arguments.data / "train.jsonl", "--dev", arguments.data / "dev.jsonl"]
        run("finetune", "--task", "classify", *data, "--epochs", 3, "--force", "--output", teacher)
    more = [part for flag in arguments.distill for part in ("--" + flag).split("=", 1)]
    short = short_checkpoint(arguments.output / "short")
    result = {
        "texts": len(rows),
        "teacher": judged(teacher, arguments.data, rows) if arguments.task == "classify" else None,
        "distilled": several(
            ["distill", "--teacher", teacher, "--layers", LAYERS, *more], "distilled", arguments.data, rows, arguments
        ),
        "without_teacher": several(
            ["finetune", "--task", arguments.task, "--model", short], "plain", arguments.data, rows, arguments
        ),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
