"""Texts to vectors, from pairs with a score or from texts with a label.

Pairs: the cosine of the two vectors learns the score. Labels: a text learns to be nearer to another one of its label
than to the texts of other labels in its batch (Khosla et al., "Supervised contrastive learning", arXiv 2004.11362, with
one positive for each text).
"""

import dataclasses
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from edgebert.accuracy.columns import number_in, value_in
from edgebert.errors import InputError
from edgebert.export.sentence_transformers import read_sentence_settings
from edgebert.export.train.batches import SECOND, Batch
from edgebert.export.train.examples import chunked, encode_texts, filled, label_of, text_of
from edgebert.export.train.loop import Metrics
from edgebert.export.train.metrics import pearson, spearman
from edgebert.export.train.predict import to_arrays
from edgebert.export.train.store import Array, Features, Store
from edgebert.export.train.tasks.models import inputs_of, load_model
from edgebert.files import write_json
from edgebert.lines import Row
from edgebert.manifest import EmbedHead

_TEMPERATURE = 0.05
_HELD = 64  # texts of a label that partners are drawn from
_NEIGHBOURS = 4096  # texts of the dev set whose nearest neighbours are looked up


@dataclasses.dataclass(frozen=True)
class Embed:
    """Sentence vectors with the pooling of their checkpoint.

    Attributes:
        head: pooling, and whether vectors are normalized.
        labels: labels of the training texts; empty where pairs with scores are learned.
        least: the score that is to be a cosine of 0.
        most: the score that is to be a cosine of 1.
        seed: of the choice of partners.
    """

    head: EmbedHead
    labels: tuple[str, ...] = ()
    least: float = 0.0
    most: float = 1.0
    seed: int = 0

    @property
    def metric(self) -> str:
        """The rank correlation with the scores, or the accuracy of the label of the nearest other text."""
        return "nearest_accuracy" if self.labels else "spearman"

    @classmethod
    def from_rows(cls, rows: Iterator[Row], source: str, folder: Path, seed: int) -> "Embed":
        """Find out which kind of rows there are, and the labels or the extent of the scores.

        Raises:
            InputError: a row cannot be used, all scores are equal, or there is only one label.
        """
        head = read_sentence_settings(folder).head
        labels: set[str] = set()
        scores: set[float] = set()
        for row in rows:
            text_of(row)
            if "score" in row.values:
                scores = {min({*scores, number_in(row, "score")}), max({*scores, number_in(row, "score")})}
            else:
                labels.add(label_of(row, value_in(row, "label"), "label"))
        if labels and scores:
            raise InputError(f"{source}: some rows have a score and some have none: give pairs with scores, or labels")
        if scores:
            if len(scores) < 2:
                raise InputError(f"{source}: all scores are {min(scores):g}: there is nothing to learn")
            return cls(head, (), min(0.0, *scores), max(scores), seed)
        if len(labels) < 2:
            raise InputError(f"{source}: there are {len(labels)} labels: give at least two, or pairs with scores")
        return cls(head, tuple(sorted(labels)), seed=seed)

    def encode(self, rows: Iterator[Row], tokenizer: Any, max_tokens: int) -> Iterator[Features]:  # noqa: ANN401
        """Yield both texts of a pair with its target, or a text and a partner of its label with that label."""
        pairs = _partners(rows, self.labels, self.seed) if self.labels else map(self._scored, rows)
        for chunk in chunked(pairs):
            first = encode_texts(tokenizer, [(text, None) for text, _, _ in chunk], max_tokens)
            second = encode_texts(tokenizer, [(text, None) for _, text, _ in chunk], max_tokens)
            for at, (_, _, target) in enumerate(chunk):
                yield {
                    "input_ids": np.array(first["input_ids"][at], np.int32),
                    "token_type_ids": np.array(first["token_type_ids"][at], np.int8),
                    f"{SECOND}input_ids": np.array(second["input_ids"][at], np.int32),
                    f"{SECOND}token_type_ids": np.array(second["token_type_ids"][at], np.int8),
                    "target": np.array([target], np.float32),
                }

    def _scored(self, row: Row) -> tuple[str, str, float]:
        first, second = text_of(row)
        if second is None:
            raise InputError(f"{row.where}: a score needs two texts: name them text_a and text_b")
        return first, second, (number_in(row, "score") - self.least) / (self.most - self.least)

    def build(self, folder: Path) -> Any:  # noqa: ANN401
        """Load a BertModel."""
        return load_model("BertModel", folder, add_pooling_layer=False)

    def vectors(self, model: Any, batch: Batch, prefix: str = "") -> torch.Tensor:  # noqa: ANN401
        """Return the unit vectors of the texts of a batch, [texts, hidden]."""
        inputs = inputs_of(batch, prefix)
        return functional.normalize(
            pooled(model(**inputs).last_hidden_state, inputs["attention_mask"], self.head), dim=1
        )

    def loss(self, model: Any, batch: Batch) -> torch.Tensor:  # noqa: ANN401
        """Return the mean squared error of the cosines, or the contrastive loss."""
        first, second = self.vectors(model, batch), self.vectors(model, batch, SECOND)
        target = batch["target"][:, 0]
        if not self.labels:
            return functional.mse_loss((first * second).sum(dim=1), target)
        return contrastive(first, second, target)

    def predict(self, model: Any, batch: Batch) -> list[Array]:  # noqa: ANN401
        """Return the cosine of each pair, float32 [1], or the vector of each text."""
        first = self.vectors(model, batch)
        if self.labels:
            return to_arrays(first)
        return to_arrays((first * self.vectors(model, batch, SECOND)).sum(dim=1, keepdim=True))

    def score(self, found: Sequence[Array], data: Store) -> Metrics:
        """Return correlations with the scores, or how often the nearest other text has the same label."""
        rows, targets = np.stack(found), data.all("target")
        if not self.labels:
            return {"spearman": spearman(rows[:, 0], targets), "pearson": pearson(rows[:, 0], targets)}
        rows, targets = rows[:_NEIGHBOURS], targets[:_NEIGHBOURS]
        cosines = rows @ rows.T
        np.fill_diagonal(cosines, -2)
        return {"nearest_accuracy": float(np.mean(targets[cosines.argmax(axis=1)] == targets))}

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:  # noqa: ANN401
        """Write a folder that sentence-transformers loads."""
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        kinds = ["Transformer", "Pooling", *(["Normalize"] if self.head.normalize else [])]
        paths = ["", *(f"{at}_{kind}" for at, kind in enumerate(kinds[1:], 1))]
        modules = [
            {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for at, (kind, path) in enumerate(zip(kinds, paths, strict=True))
        ]
        (folder / "modules.json").write_text(json.dumps(modules, indent=1) + "\n", encoding="utf-8")
        write_json(folder / "sentence_bert_config.json", {"max_seq_length": _limit(model, tokenizer)})
        for path in paths[1:]:
            (folder / path).mkdir()
        write_json(folder / paths[1] / "config.json", _pooling(self.head, model.config.hidden_size))


def pooled(hidden: torch.Tensor, attention_mask: torch.Tensor, head: EmbedHead) -> torch.Tensor:
    """Return text vectors [texts, hidden] from token vectors [texts, tokens, hidden]."""
    if head.pooling == "cls":
        return hidden[:, 0]
    mask = attention_mask[:, :, None].to(hidden.dtype)
    if head.pooling == "max":
        return hidden.masked_fill(mask == 0, float("-inf")).amax(dim=1)
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1)


def contrastive(first: torch.Tensor, second: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of finding each text's partner among those of other labels.

    Args:
        first: unit vectors [texts, hidden].
        second: unit vectors of the partners.
        labels: of the texts; partners of other texts with the same label are left out.
    """
    cosines = first @ second.T / _TEMPERATURE
    same = labels[:, None] == labels[None, :]
    others = same & ~torch.eye(len(labels), dtype=torch.bool, device=same.device)
    return functional.cross_entropy(
        cosines.masked_fill(others, float("-inf")), torch.arange(len(labels)).to(same.device)
    )


def _partners(rows: Iterator[Row], labels: tuple[str, ...], seed: int) -> Iterator[tuple[str, str, float]]:
    """Pair each text with one of the last ``_HELD`` texts of its label, or with itself where it is the first."""
    generator = random.Random(seed)
    held: dict[str, list[str]] = {label: [] for label in labels}
    for row in rows:
        text, label = filled(row, "text"), label_of(row, value_in(row, "label"), "label")
        if label not in held:
            raise InputError(f"{row.where}: the label {label!r} is not among the {len(labels)} of the training data")
        known = held[label]
        yield text, generator.choice(known) if known else text, float(labels.index(label))
        known.append(text)
        del known[:-_HELD]


def _limit(model: Any, tokenizer: Any) -> int:  # noqa: ANN401
    return int(min(model.config.max_position_embeddings, tokenizer.model_max_length))


def _pooling(head: EmbedHead, width: int) -> dict[str, object]:
    modes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
    chosen = {f"pooling_mode_{mode}": name == head.pooling for name, mode in modes.items()}
    return {"word_embedding_dimension": width, **chosen}
