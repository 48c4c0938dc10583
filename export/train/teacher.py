"""The answers of teachers to every example, computed once and kept on disk."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from edgebert.export.train.batches import Batch, Indices, collate, in_order
from edgebert.export.train.outputs import PARTS, Outputs, Wanted, averaged, outputs_of
from edgebert.export.train.store import Array, Features, Store, write_store

PREFIX = "teacher."  # of the names under which a batch holds the teachers' outputs

_BATCH = 32
_WHOLE = ("vectors",)  # outputs without a dimension of tokens; logits may have one


class TeacherAnswers:
    """Reads what `ask_teachers` wrote.

    Args:
        store: the answers, flattened.
        order: where the answer to each example stands.
        lengths: tokens of each example.
    """

    def __init__(self, store: Store, lengths: Indices) -> None:
        self._store = store
        self._order = np.argsort(store.all("example"))
        self._lengths = lengths

    def collate(self, indices: Indices) -> Batch:
        """Return the teachers' outputs for some examples, padded with zeros."""
        tokens = int(self._lengths[indices].max())
        batch: Batch = {}
        for name in self._store.columns:
            if name != "example":
                rows = [self._get(name, int(at)) for at in indices]
                batch[PREFIX + name] = torch.from_numpy(np.stack([_padded(row, tokens) for row in rows]))
        return batch

    def _get(self, name: str, example: int) -> Array:
        values = self._store.get(name, int(self._order[example])).astype(np.float32)
        length = int(self._lengths[example])
        kind = name.split(".")[0]
        if kind == "attention":
            return values.reshape(-1, length, length)
        return values.reshape(length, -1) if kind in ("hidden", *PARTS, "token_logits") else values


def ask_teachers(
    accelerator: Accelerator, teachers: Sequence[Any], wanted: Wanted, data: Store, pad_id: int, folder: Path
) -> None:
    """Write the outputs of the teachers for every example, unless an earlier try did.

    Logits and vectors are kept in float32, everything that has a value for each token in float16.
    """
    if not folder.exists():
        write_store(folder, _answers(accelerator, teachers, wanted, data, pad_id))


def _answers(
    accelerator: Accelerator, teachers: Sequence[Any], wanted: Wanted, data: Store, pad_id: int
) -> Iterator[Features]:
    lengths = data.lengths()
    for teacher in teachers:
        teacher.to(accelerator.device).eval()
    for indices in in_order(lengths, _BATCH):
        batch = {name: values.to(accelerator.device) for name, values in collate(data, indices, pad_id).items()}
        with torch.inference_mode(), accelerator.autocast():
            found = averaged([outputs_of(teacher, batch, wanted) for teacher in teachers])
        for at, example in enumerate(indices):
            yield {"example": np.array([example], np.int64), **_unpadded(found, at, int(lengths[example]))}


def _unpadded(found: Outputs, at: int, length: int) -> dict[str, Array]:
    """Return one row of the outputs without its padding, flattened."""
    row: dict[str, Array] = {}
    for name, values in found.items():
        one = values[at].float()
        kind = name.split(".")[0]
        if kind == "logits" and one.ndim == 2:
            row["token_logits"] = one[:length].cpu().numpy().ravel()
        elif kind in ("logits", *_WHOLE):
            row[name] = one.cpu().numpy()
        elif kind == "attention":
            row[name] = one[:, :length, :length].half().cpu().numpy().ravel()
        else:
            row[name] = one[:length].half().cpu().numpy().ravel()
    return row


def _padded(values: Array, tokens: int) -> Array:
    """Pad every dimension but the first of attention, or the first of token vectors, to a number of tokens."""
    if values.ndim == 1:
        return values
    if values.ndim == 2:
        return np.pad(values, ((0, tokens - len(values)), (0, 0)))
    short = tokens - values.shape[1]
    return np.pad(values, ((0, 0), (0, short), (0, short)))
