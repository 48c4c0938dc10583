"""Small data sets that a tiny BERT can learn, checkpoints to start from, runs of two processes, and what comes out."""

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from checkpoints import WORDS, save_encoder
from safetensors.torch import load_file

from edgebert.export.train.finetune import Finetune
from edgebert.export.train.settings import Training

ROOMS = ("light", "music", "kitchen")


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def labelled(count: int, seed: int = 0) -> list[dict[str, object]]:
    """Texts whose label is the one of three words that they hold."""
    generator = random.Random(seed)
    others = [word for word in WORDS if word not in ROOMS]
    rows = []
    for _ in range(count):
        label = generator.choice(ROOMS)
        words = [*(generator.choice(others) for _ in range(generator.randint(1, 8))), label]
        rows.append({"text": " ".join(generator.sample(words, len(words))), "label": label})
    return rows


def tagged(count: int, seed: int = 0) -> list[dict[str, object]]:
    """Sentences in which "kitchen" and what follows it up to a "now" is a place."""
    generator = random.Random(seed)
    rows = []
    for _ in range(count):
        before = [generator.choice(("turn", "on", "play", "up")) for _ in range(generator.randint(0, 4))]
        rows.append({"tokens": [*before, "kitchen", "light", "now"], "tags": ["O"] * len(before) + ["B-X", "I-X", "O"]})
    return rows


def asked(count: int, seed: int = 0) -> list[dict[str, object]]:
    """Questions whose answer is the word after "is"."""
    generator = random.Random(seed)
    rows = []
    for _ in range(count):
        answer = generator.choice(ROOMS)
        before = " ".join(generator.choice(("turn", "on", "play", "up")) for _ in range(generator.randint(1, 20)))
        context = f"{before} is {answer} please"
        answers = [{"text": answer, "answer_start": len(before) + 4}]
        rows.append({"question": "what is", "context": context, "answers": answers})
    return rows


def scored(count: int, seed: int = 0) -> list[dict[str, object]]:
    """Pairs that score 5 where both hold the same one of three words, else 0."""
    first, second = labelled(count, seed), labelled(count, seed + 1)
    return [
        {"text_a": a["text"], "text_b": b["text"], "score": 5.0 * (a["label"] == b["label"])}
        for a, b in zip(first, second, strict=True)
    ]


def base(folder: Path, **settings: object) -> Path:
    """Write a tiny encoder without dropout, so that it learns in seconds."""
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.2}
    return save_encoder(folder, **{**quiet, **settings})


def settings_for(data: Path, output: Path, model: str = "dropout", **training: object) -> Finetune:
    """Return how to learn the labels of ``train.jsonl`` in a few steps, from one of the checkpoints beside it."""
    return Finetune(
        task="classify",
        train=str(data / "train.jsonl"),
        dev=str(data / "dev.jsonl"),
        model=str(data / model),
        output=output,
        training=Training(**{"learning_rate": 1e-3, "batch_size": 8, **training}),
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a checkpoint."""
    return load_file(folder / "model.safetensors")


def assert_close(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], rtol: float, atol: float) -> None:
    """Compare all weights but the biases of keys, which softmax cancels: rounding noise is all that moves them."""
    for name, value in expected.items():
        if not name.endswith("key.bias"):
            torch.testing.assert_close(
                found[name], value, rtol=rtol, atol=atol, msg=lambda text, name=name: f"{name}: {text}"
            )


def on_two_processes(verb: str, *arguments: object) -> Any:
    """Run a verb of edgebert on two processes of the CPU, and return the report that it prints once."""
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        port = here.getsockname()[1]
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", port, "-m", "edgebert.cli"]
    done = subprocess.run(
        [sys.executable, *map(str, [*launch, verb, *arguments, "--json"])],
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)
