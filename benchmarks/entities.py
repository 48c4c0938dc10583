"""Fine-tune MiniLM to find entities, by `edgebert finetune` and by transformers' Trainer for as long.

    python benchmarks/entities.py ../shared/data/btc_ner [--epochs 3] [--seed 0] [--output build/entities]

The folder holds train.jsonl, dev.jsonl and test.jsonl with {"tokens": [...], "tags": [...]} a line, in BIO. Both
checkpoints are exported and judged on the test split in FP32 and INT8 by the same code. One JSON object comes out.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import transformers
from commands import edgebert, exported, read_jsonl, scores, write_jsonl

from edgebert.export.checkpoint import demo_checkpoint

BATCH_SIZE = 32
IGNORED = -100  # what cross-entropy leaves out


def encoded(rows: list[dict[str, Any]], labels: list[str], tokenizer: Any) -> list[dict[str, list[int]]]:  # noqa: ANN401
    """Return token ids and labels; the first piece of a word has its tag, as transformers' own example does it."""
    found = []
    for row in rows:
        encoding = tokenizer(row["tokens"], is_split_into_words=True, truncation=True, max_length=128)
        words = encoding.word_ids()
        encoding["labels"] = [
            IGNORED if word is None or word == words[at - 1] else labels.index(row["tags"][word])
            for at, word in enumerate(words)
        ]
        found.append(dict(encoding))
    return found


def train_with_transformers(data: Path, output: Path, epochs: int, rate: float, seed: int) -> float:
    """Train as `edgebert finetune` does by default, keep the last epoch, and return the seconds that it took."""
    start = time.monotonic()
    base = demo_checkpoint()
    rows = read_jsonl(data / "train.jsonl")
    labels = sorted({tag for row in rows for tag in row["tags"]}, key=lambda tag: (tag != "O", tag[2:], tag))
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(base)
    transformers.set_seed(seed)
    names = dict(enumerate(labels))
    model = transformers.AutoModelForTokenClassification.from_pretrained(
        base, num_labels=len(labels), id2label=names, label2id={label: at for at, label in names.items()}
    )
    arguments = transformers.TrainingArguments(
        output_dir=str(output / "states"),
        num_train_epochs=epochs,
        learning_rate=rate,
        per_device_train_batch_size=BATCH_SIZE,
        warmup_ratio=0.1,
        weight_decay=0.01,
        seed=seed,
        group_by_length=True,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    collator = transformers.DataCollatorForTokenClassification(tokenizer)
    trainer = transformers.Trainer(
        model, arguments, train_dataset=encoded(rows, labels, tokenizer), data_collator=collator
    )
    trainer.train()
    model.save_pretrained(output / "transformers")
    tokenizer.save_pretrained(output / "transformers")
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("build/entities"))
    arguments = parser.parse_args()
    data, output = arguments.data, arguments.output
    train, test = data / "train.jsonl", data / "test.jsonl"
    epochs, rate, seed = arguments.epochs, arguments.learning_rate, arguments.seed
    rates = ["--epochs", epochs, "--learning-rate", rate, "--seed", seed, "--batch-size", BATCH_SIZE]
    ours = output / "edgebert"
    seconds = {"edgebert": edgebert("finetune", "--task", "tag", "--train", train, *rates, "--force", "--output", ours)}
    seconds["transformers"] = train_with_transformers(data, output, epochs, rate, seed)
    texts = write_jsonl(output / "texts.jsonl", ({"text": " ".join(row["tokens"])} for row in read_jsonl(train)))
    result = {
        name: {"seconds": round(seconds[name])} | scores(exported(output / name, texts), test) for name in seconds
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
