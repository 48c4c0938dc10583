"""Train MiniLM to answer questions on a part of a data set, and judge the spans that it finds in the rest.

    python benchmarks/questions.py ../shared/data/xquad_en [--epochs 6] [--output build/questions]

The folder holds test.jsonl with {"question": ..., "context": ..., "answers": [{"text": ..., "answer_start": ...}]} a
line. Every fifth context is kept for the judgement. One JSON object comes out.
"""

import argparse
import json
from pathlib import Path
from typing import Any, cast

from commands import edgebert, exported, read_jsonl, scores, write_jsonl

from edgebert.answerer import Answerer
from edgebert.bundle import open_bundle
from edgebert.loader import load_bundle

EVERY = 5  # every so many-th context is held out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--output", type=Path, default=Path("build/questions"))
    arguments = parser.parse_args()
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    rows = read_jsonl(arguments.data / "test.jsonl")
    held_out = set(list(dict.fromkeys(row["context"] for row in rows))[::EVERY])
    test = [row for row in rows if row["context"] in held_out]
    files = {
        "train": write_jsonl(output / "train.jsonl", (row for row in rows if row["context"] not in held_out)),
        "test": write_jsonl(output / "test.jsonl", test),
        "texts": write_jsonl(output / "texts.jsonl", ({"text": row["question"]} for row in rows if row not in test)),
    }
    rates = ["--epochs", arguments.epochs, "--learning-rate", arguments.learning_rate, "--max-tokens", 256]
    seconds = edgebert(
        "finetune", "--task", "answer", "--train", files["train"], *rates, "--force", "--output", output / "checkpoint"
    )
    bundle = exported(output / "checkpoint", files["texts"])
    answerer = cast("Answerer", load_bundle(open_bundle(bundle)))
    found = cast(
        "list[dict[str, Any]]", answerer.answer([row["question"] for row in test], [row["context"] for row in test])
    )
    spans = [row["context"][each["start"] : each["end"]] for row, each in zip(test, found, strict=True)]
    result = {
        "questions": len(test),
        "seconds": round(seconds),
        "answers_that_are_their_span": sum(span == each["answer"] for span, each in zip(spans, found, strict=True)),
        **scores(bundle, files["test"]),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
