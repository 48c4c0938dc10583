"""Batches of texts of like length, the same ones for the same seed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from edgebert.export.train.store import Store

Batch = dict[str, torch.Tensor]
Indices = npt.NDArray[np.int64]

PADDING = {"input_ids": 0, "token_type_ids": 0, "token_labels": -100, "starts": -1, "ends": -1, "begins_word": 0}
SECOND = "second."  # prefix of the columns of the other text of a pair that is encoded apart

_BLOCK = 50  # batches that are sorted by length together: little is padded and the order stays random


def bucketed(lengths: Indices, size: int, seed: int, epoch: int) -> list[Indices]:
    """Return every example once, in batches of texts of like length.

    Args:
        lengths: tokens of each example, int64 [examples].
        size: examples of a batch; the last may have fewer.
        seed: with ``epoch`` decides the order.
        epoch: number of the pass over the data.
    """
    generator = np.random.default_rng((seed, epoch))
    order = generator.permutation(len(lengths))
    batches: list[Indices] = []
    for start in range(0, len(order), size * _BLOCK):
        block = order[start : start + size * _BLOCK]
        block = block[np.argsort(lengths[block], kind="stable")]
        batches += [block[at : at + size] for at in range(0, len(block), size)]
    return [batches[at] for at in generator.permutation(len(batches))]


def in_order(lengths: Indices, size: int) -> list[Indices]:
    """Return every example once in batches from short to long, for predictions."""
    order = np.argsort(lengths, kind="stable")
    return [order[at : at + size] for at in range(0, len(order), size)]


def share(batch: Indices, rank: int, world: int) -> Indices:
    """Return the examples of a batch that one of ``world`` processes works on; never none.

    A batch with fewer examples than processes is repeated.
    """
    return np.resize(batch, max(len(batch), world))[rank::world]


def token_columns(store: Store) -> list[str]:
    """Return the columns that hold token ids: one, or one for each text of a pair that is encoded apart."""
    return [name for name in store.columns if name.removeprefix(SECOND) == "input_ids"]


def collate(store: Store, indices: Sequence[int] | Indices, pad_id: int) -> Batch:
    """Pad examples to the longest of them.

    Token columns become [batch, tokens] with an attention mask, the others are stacked.
    """
    batch: Batch = {}
    for name in store.columns:
        rows = [store.get(name, int(at)) for at in indices]
        plain = name.removeprefix(SECOND)
        if plain in PADDING:
            batch[name] = _padded(rows, pad_id if plain == "input_ids" else PADDING[plain])
            if plain == "input_ids":
                ones = [np.ones(len(row), np.int64) for row in rows]
                batch[name.replace("input_ids", "attention_mask")] = _padded(ones, 0)
        elif len({len(row) for row in rows}) == 1 and rows[0].dtype != np.uint8:  # uint8 is text, for scores alone
            batch[name] = torch.from_numpy(np.stack(rows))
    return batch


def _padded(rows: list[npt.NDArray[np.int64]], value: int) -> torch.Tensor:
    padded = np.full((len(rows), max(map(len, rows))), value, np.int64)
    for at, row in enumerate(rows):
        padded[at, : len(row)] = row
    return torch.from_numpy(padded)
