"""Fine-tune a small BERT on intents, export it to INT8, and label a few commands.

    python examples/device_commands/train.py                      # the data set of this folder, about a minute
    python examples/device_commands/train.py --train my.jsonl --test my_test.jsonl --epochs 4 --output work/

Needs the extras "export" and "demo". Every line of a file is {"text": ..., "label": ...}.
"""

import argparse
import json
import math
import random
from pathlib import Path

import torch
from transformers import AutoTokenizer, BertForSequenceClassification
from transformers.utils import logging

import edgebert
from edgebert.export import Recipe, export
from edgebert.export.checkpoint import demo_checkpoint

HERE = Path(__file__).resolve().parent
BATCH = 32  # sentences
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


def batches(rows: list[tuple[str, int]], seed: int) -> list[list[tuple[str, int]]]:
    """Shuffle rows, then group sentences of like length so that little is spent on padding."""
    generator = random.Random(seed)
    shuffled = generator.sample(rows, len(rows))
    groups = []
    for start in range(0, len(shuffled), 32 * BATCH):
        block = sorted(shuffled[start : start + 32 * BATCH], key=lambda row: len(row[0]))
        groups += [block[at : at + BATCH] for at in range(0, len(block), BATCH)]
    return generator.sample(groups, len(groups))


def fine_tune(rows: list[tuple[str, str]], model: str, epochs: int, rate: float, output: Path) -> None:
    """Train a classifier from an encoder and save it as a Hugging Face checkpoint."""
    torch.manual_seed(0)
    labels = sorted({label for _, label in rows})
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = BertForSequenceClassification.from_pretrained(
        model, num_labels=len(labels), id2label=dict(enumerate(labels)), label2id={v: k for k, v in enumerate(labels)}
    )
    numbered = [(text, labels.index(label)) for text, label in rows]
    steps = epochs * math.ceil(len(numbered) / BATCH)
    # the word vectors are half of the weights and good as they are: leaving them alone saves half of each step
    network.bert.embeddings.requires_grad_(False)
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01, fused=True)
    # a tenth of the steps to warm up, then down to zero in a line
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.1 * steps), max(0.0, (steps - step) / (0.9 * steps)))
    )
    network.train()
    for epoch in range(epochs):
        losses = []
        for batch in batches(numbered, seed=epoch):
            inputs = tokenizer(
                [text for text, _ in batch], padding=True, truncation=True, max_length=128, return_tensors="pt"
            )
            loss = network(**inputs, labels=torch.tensor([label for _, label in batch])).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        print(f"epoch {epoch + 1} of {epochs}: loss {sum(losses) / len(losses):.3f}", flush=True)
    network.save_pretrained(output)
    tokenizer.save_pretrained(output)


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
    logging.set_verbosity_error()

    checkpoint, bundle = arguments.output / "checkpoint", arguments.output / "int8.bundle"
    train, test = read(arguments.train), read(arguments.test)
    fine_tune(train, arguments.model or demo_checkpoint(), arguments.epochs, arguments.learning_rate, checkpoint)
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
