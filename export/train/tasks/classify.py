"""Texts, or pairs of texts, to one label or to several."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from edgebert.accuracy.columns import value_in
from edgebert.errors import InputError
from edgebert.export.train.batches import Batch
from edgebert.export.train.examples import chunked, encode_texts, label_of, text_of
from edgebert.export.train.loop import Metrics
from edgebert.export.train.metrics import accuracy, f1, macro_f1
from edgebert.export.train.predict import to_arrays
from edgebert.export.train.store import Array, Features, Store
from edgebert.export.train.tasks.models import inputs_of, load_model
from edgebert.lines import Row

SINGLE, MULTI = "single_label_classification", "multi_label_classification"

_SEPARATOR = "|"  # between the labels of a row of csv and tsv
NO_LABEL = -100  # of a text that only a teacher labels


@dataclasses.dataclass(frozen=True)
class Classify:
    """Classification; with ``several`` a text may have any number of labels."""

    labels: tuple[str, ...]
    several: bool

    @property
    def metric(self) -> str:
        """Accuracy, or the F1 over all labels of all texts."""
        return "micro_f1" if self.several else "accuracy"

    @classmethod
    def from_rows(cls, rows: Iterator[Row], source: str) -> "Classify":
        """Find the labels that occur, in order.

        Raises:
            InputError: a row cannot be used, or there are less than two labels.
        """
        labels: set[str] = set()
        several = False
        for row in rows:
            text_of(row)
            several = several or _has_several(row)
            labels.update(labels_of(row))
        if len(labels) < 2:
            found = f"all rows have the label {next(iter(labels))!r}" if labels else "there is no label"
            raise InputError(f"{source}: {found}: a classifier needs at least two")
        numbers = all(label.isdecimal() and label.isascii() for label in labels)
        return cls(tuple(sorted(labels, key=int) if numbers else sorted(labels)), several)

    def encode(self, rows: Iterator[Row], tokenizer: Any, max_tokens: int) -> Iterator[Features]:  # noqa: ANN401
        """Yield token ids with the number of the label, or with 0 or 1 for each label."""
        for chunk in chunked((text_of(row), self._target(row)) for row in rows):
            encoded = encode_texts(tokenizer, [text for text, _ in chunk], max_tokens)
            for at, (_, target) in enumerate(chunk):
                yield {
                    "input_ids": np.array(encoded["input_ids"][at], np.int32),
                    "token_type_ids": np.array(encoded["token_type_ids"][at], np.int8),
                    "label": target,
                }

    def unlabelled(self, tokens: int) -> Features:
        """Return the columns of a text that nobody labelled."""
        several = np.full(len(self.labels), NO_LABEL, np.float32)
        return {"label": several if self.several else np.array([NO_LABEL], np.int64)}

    def _target(self, row: Row) -> Array:
        numbers = []
        for label in labels_of(row):
            if label not in self.labels:
                raise InputError(
                    f"{row.where}: the label {label!r} is not among the {len(self.labels)} of the training data"
                )
            numbers.append(self.labels.index(label))
        if not self.several:
            return np.array(numbers, np.int64)
        target = np.zeros(len(self.labels), np.float32)
        target[numbers] = 1
        return target

    def build(self, folder: Path) -> Any:  # noqa: ANN401
        """Load a BertForSequenceClassification with these labels."""
        names = dict(enumerate(self.labels))
        return load_model(
            "BertForSequenceClassification",
            folder,
            num_labels=len(names),
            id2label=names,
            label2id={label: at for at, label in names.items()},
            problem_type=MULTI if self.several else SINGLE,
        )

    def loss(self, model: Any, batch: Batch) -> torch.Tensor:  # noqa: ANN401
        """Return the mean cross-entropy."""
        return self.loss_of(model(**inputs_of(batch)).logits, batch)

    def loss_of(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the mean cross-entropy of the texts that have a label, 0 where none has."""
        label = batch["label"]
        known = label.reshape(len(label), -1)[:, 0] != NO_LABEL
        if not bool(known.any()):
            return logits.sum() * 0
        if self.several:
            return functional.binary_cross_entropy_with_logits(logits[known], label[known])
        return functional.cross_entropy(logits[known], label[known, 0])

    def predict(self, model: Any, batch: Batch) -> list[Array]:  # noqa: ANN401
        """Return the logits of each text, float32 [labels]."""
        return to_arrays(model(**inputs_of(batch)).logits)

    def score(self, found: Sequence[Array], data: Store) -> Metrics:
        """Return accuracy and F1."""
        logits = np.stack(found)
        expected = data.all("label").reshape(len(data), -1)
        if self.several:
            chosen = logits > 0
            right = int((chosen & (expected > 0)).sum())
            exact = float((chosen == (expected > 0)).all(axis=1).mean())
            return {"micro_f1": f1(right, int(chosen.sum()), int((expected > 0).sum())), "exact": exact}
        best = logits.argmax(axis=1)
        return {
            "accuracy": accuracy(best, expected[:, 0]),
            "macro_f1": macro_f1(best, expected[:, 0]),
        }

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:  # noqa: ANN401
        """Write model and tokenizer."""
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _has_several(row: Row) -> bool:
    return "labels" in row.values or isinstance(row.values.get("label"), (list, tuple))


def labels_of(row: Row) -> list[str]:
    """Return the labels of a row, of "labels" or of "label"; csv and tsv have "|" between several.

    Raises:
        InputError: there is no such column, or a label is neither a text nor a whole number.
    """
    column = "labels" if "labels" in row.values else "label"
    value = value_in(row, column)
    if isinstance(value, str) and column == "labels":
        value = [part for part in value.split(_SEPARATOR) if part]
    if isinstance(value, (list, tuple)):
        return [label_of(row, each, column) for each in value]
    return [label_of(row, value, column)]
