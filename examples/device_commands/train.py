"""Fine-tune a small BERT on intents, export it to INT8, and label a few commands.

    python examples/device_commands/train.py                      # the data set of this folder, about a minute
    python examples/device_commands/train.py --train my.jsonl --test my_test.jsonl --epochs 4 --output work/

Needs the extras "train" and "demo". Every line of a file is {"text": ..., "label": ...}.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import edgebert
from edgebert.export import Recipe, export
from edgebert.export.train import Finetune, Training, finetune
from edgebert.export.train.watch import Silent

HERE = Path(__file__).resolve().parent
COMMANDS = (
    "could you switch the lamp in the hallway on please",
    "it's way too loud in here",
    "wake me at half past six tomorrow",
    "do I need an umbrella this afternoon?",
    "how much juice have you got left",
    "what is the capital of France",
)


def read(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line.strip()]
    return [(row["text"], row["label"]) for row in rows]


class Words(Silent):
    """Says how each epoch went."""

    def epoch(self, number: int, loss: float, metrics: Mapping[str, float]) -> None:
        print(f"epoch {number}: loss {loss:.3f}", flush=True)


def accuracy(model: edgebert.Classifier, rows: list[tuple[str, str]]) -> float:
    answers = model.classify([text for text, _ in rows])
    return sum(answer["label"] == label for answer, (_, label) in zip(answers, rows, strict=True)) / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, default=HERE / "train.jsonl")
    parser.add_argument("--test", type=Path, default=HERE / "test.jsonl")
    parser.add_argument(
        "--model", default=None, help="checkpoint to start from; without it the MiniLM of the demo extra"
    )
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--output", type=Path, default=Path("build/device_commands"), help="folder for the results")
    arguments = parser.parse_args()

    checkpoint, bundle = arguments.output / "checkpoint", arguments.output / "int8.bundle"
    test = read(arguments.test)
    # the word vectors are half of the weights and good as they are: leaving them alone saves a good part of each step
    training = Training(epochs=arguments.epochs, learning_rate=arguments.learning_rate, freeze=("embeddings",))
    finetune(
        Finetune("classify", str(arguments.train), checkpoint, arguments.model, force=True, training=training), Words()
    )
    export(Recipe(output=bundle, model=str(checkpoint), calibration=str(arguments.train), force=True))

    model = edgebert.load(bundle)
    assert isinstance(model, edgebert.Classifier)
    print(f"\naccuracy on {len(test)} test sentences, INT8: {accuracy(model, test):.1%}\n")
    if arguments.train.parent != HERE:
        return
    for command, answer in zip(COMMANDS, model.classify(list(COMMANDS), min_score=0.6), strict=True):
        print(f"  {command:52s} {answer['label'] or '(not understood)':18s} {answer['score']:.2f}")


if __name__ == "__main__":
    main()
