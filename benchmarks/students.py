"""Students of three layers with a teacher and without one, for several seeds, on the test split of a data set.

    python benchmarks/students.py classify ../shared/data/sst2 [--teacher CHECKPOINT] [--seeds 3] [--output FOLDER]
    python benchmarks/students.py classify ../shared/data/clinc150 --learning-rate 2e-4 --epochs 4
    python benchmarks/students.py embed ../shared/data/stsb

A folder holds train.jsonl, dev.jsonl and test.jsonl. Without --teacher, the MiniLM of the demo extra is fine-tuned
first; for `embed` it is the teacher as it is. `edgebert compare-students` trains the students with a teacher and leaves
its report in the output; those without one are the same layers of MiniLM, fine-tuned for as long at the same rate.
Every model is judged by its own bundle in FP32 and INT8. One JSON object comes out. It takes hours on two cores; what
is interrupted goes on where it was when it is called again.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from commands import edgebert, exported, scores
from transformers import AutoTokenizer, BertModel

from edgebert.export.checkpoint import demo_checkpoint
from edgebert.export.compare.report import Seeds
from edgebert.export.train import Shape
from edgebert.export.train.students import make_student

LAYERS = 3


def short_checkpoint(folder: Path) -> Path:
    """Write the layers that a student starts from, of MiniLM as it is."""
    base = demo_checkpoint()
    make_student(BertModel.from_pretrained(base), Shape(LAYERS)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def trained(checkpoint: Path, *settings: object) -> Path:
    """Fine-tune a checkpoint unless it is there."""
    if not checkpoint.exists():
        edgebert("finetune", *settings, "--resume", "--output", checkpoint)
    return checkpoint


def compared(teacher: Path, test: Path, seeds: int, distill: str | None, loop: list[object], output: Path) -> Any:  # noqa: ANN401
    """Return the report of a comparison, which is made unless it is there."""
    if not output.exists():
        more = [] if distill is None else ["--distill", distill]
        student = ["--student", f"name=distilled,layers={LAYERS}", "--seeds", seeds, *more]
        edgebert("compare-students", "--teacher", teacher, "--test", test, *student, *loop, "--resume", "-o", output)
    return json.loads((output / "comparison.json").read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("classify", "embed"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--distill", help="more settings of the distillation: augment=2,losses.hidden=1")
    parser.add_argument("--output", type=Path, default=Path("build/students"))
    arguments = parser.parse_args()
    output, test = arguments.output, arguments.data / "test.jsonl"
    data = ["--train", arguments.data / "train.jsonl", "--dev", arguments.data / "dev.jsonl"]
    loop = [*data, "--epochs", arguments.epochs, "--learning-rate", arguments.learning_rate]
    teacher = arguments.teacher or Path(demo_checkpoint())
    if arguments.teacher is None and arguments.task == "classify":
        teacher = trained(output / "teacher", "--task", "classify", *data)
    comparison = output / "comparison"
    report = compared(teacher, test, arguments.seeds, arguments.distill, loop, comparison)
    plain: dict[str, list[float]] = {"fp32": [], "int8": []}
    short = short_checkpoint(output / "short")
    for seed in range(arguments.seeds):
        place = output / f"plain-{seed}"
        trained(place, "--task", arguments.task, "--model", short, "--seed", seed, *loop)
        found = scores(exported(place, comparison / "calibration.jsonl"), test)
        for precision, values in plain.items():
            values.append(found[precision][report["metric"]])
    rows = {row["name"]: row for row in report["rows"]}
    result = {
        "metric": report["metric"],
        "texts": report["test_texts"],
        "teacher": {precision: rows["teacher"][precision]["score"] for precision in plain},
        "distilled": {precision: rows["distilled"][precision]["seeds"] for precision in plain},
        "without_teacher": {name: dataclasses.asdict(Seeds.of(values)) for name, values in plain.items()},
        "comparison": str(comparison / "comparison.md"),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
