"""Train the word vectors of the tokens that the data has, and no others.

The others have no gradient and do not decay, so they stay as they are; but an optimizer that holds them takes a good
part of each step on a CPU to find that out, and memory for three more copies of the table.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from edgebert.export.train.batches import Indices, token_columns
from edgebert.export.train.store import Store
from edgebert.export.train.vocabulary import embeddings_of, places_of, some_rows

_CHUNK = 1 << 20  # ids that are looked at together


class UsedRows(torch.nn.Module):
    """Some rows of a table of word vectors, found by the ids of the whole table."""

    places: torch.Tensor  # row of each id, int64 [vocabulary]; -1 for those that have none

    def __init__(self, table: torch.nn.Embedding, used: Indices) -> None:
        super().__init__()
        self.rows = some_rows(table, used)
        self.register_buffer("places", places_of(used, table.num_embeddings), persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the vectors [..., width] of ids [...]."""
        vectors: torch.Tensor = self.rows(self.places[ids])
        return vectors


@contextlib.contextmanager
def only_used_rows(model: Any, stores: Iterable[Store], pad_id: int) -> Iterator[None]:  # noqa: ANN401
    """Give a model only those word vectors that some stores use, and at the end its whole table with them in it.

    Args:
        model: a transformers model; a tied masked-language head would not fit.
        stores: all examples that the model meets in between.
        pad_id: id of the padding token.
    """
    embeddings = embeddings_of(model)
    table = embeddings.word_embeddings
    used = used_ids(stores, table.num_embeddings, pad_id)
    embeddings.word_embeddings = small = UsedRows(table, used)
    try:
        yield
    finally:
        weight = small.rows.weight.detach()
        table.to(weight.device).weight.data[torch.from_numpy(used)] = weight
        embeddings.word_embeddings = table


def used_ids(stores: Iterable[Store], vocabulary: int, pad_id: int) -> Indices:
    """Return the ids that some stores use and that of the padding, in order."""
    used = np.zeros(vocabulary, bool)
    used[pad_id] = True
    for store in stores:
        for name in token_columns(store):
            ids = store.all(name)
            for start in range(0, len(ids), _CHUNK):
                used[ids[start : start + _CHUNK]] = True
    return np.flatnonzero(used)
