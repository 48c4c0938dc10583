"""Where the vector of a token comes from: the model that reads its text, or the table of embeddings."""

import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from edgebert import _native
from edgebert.bundle import NATIVE_MODEL, TOKENIZER, Bundle
from edgebert.encoder import Encoder
from edgebert.errors import EngineError
from edgebert.tokenizer import Tokenizer
from edgebert.windows import TokenOutputs


class VectorSource(Protocol):
    """Gives every token of a text a vector."""

    tokenizer: Tokenizer
    dimension: int

    def read(self, texts: Sequence[str]) -> list[TokenOutputs]:
        """Return the tokens of each text, all of them, with their vectors [tokens, dimension]."""
        ...


class ContextualSource:
    """The encoder's vectors: what a token means in its text."""

    def __init__(self, encoder: Encoder, batch_size: int = 32) -> None:
        self.tokenizer = encoder.tokenizer
        self.dimension = encoder.dimension
        self._encoder = encoder
        self._batch_size = batch_size

    def read(self, texts: Sequence[str]) -> list[TokenOutputs]:
        """See `VectorSource`."""
        return self._encoder.read(texts, self._batch_size)


class TableSource:
    """Rows of the table of word embeddings: the same for a token in every text. Any task's bundle has one."""

    def __init__(self, bundle: Bundle) -> None:
        """Open the table.

        Raises:
            EngineError: the bundle has no file of the native engine.
        """
        if not bundle.has(NATIVE_MODEL):
            raise EngineError(
                f"{bundle.path} has no {NATIVE_MODEL}, which holds the table: use --source contextual, or export again"
            )
        self.tokenizer = Tokenizer.from_file(bundle.file(TOKENIZER))
        self.dimension = bundle.manifest.shape.hidden
        self._model = _native.Model.open(os.fsencode(bundle.file(NATIVE_MODEL)))

    def read(self, texts: Sequence[str]) -> list[TokenOutputs]:
        """See `VectorSource`."""
        rows = self.tokenizer.encode_batch(list(texts), add_special_tokens=False, offsets=True)
        offsets = rows.offsets if rows.offsets is not None else np.empty((0, 2), np.int32)
        vectors = self._model.embeddings(rows.input_ids)
        parts = [slice(*rows.row_starts[at : at + 2].tolist()) for at in range(len(rows))]
        return [TokenOutputs(rows.input_ids[part], offsets[part], vectors[part], False) for part in parts]
