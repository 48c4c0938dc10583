"""Text to vector: tokens, session, pooling, normalization."""

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np

from edgebert.batching import Flags, LongTexts, check_texts, warn_truncated
from edgebert.engines import Floats
from edgebert.errors import InputError
from edgebert.manifest import EmbedHead
from edgebert.pooling import normalize, pool
from edgebert.task import Task
from edgebert.texts import Record, single_texts
from edgebert.windows import LongTokens, TokenOutputs, read_tokens


class Encoder(Task[EmbedHead]):
    """Turns texts into vectors; `edgebert.load` makes one."""

    _head_type = EmbedHead

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.manifest.shape.hidden

    @overload
    def encode(
        self,
        texts: str | Sequence[str],
        batch_size: int = 32,
        *,
        normalize_embeddings: bool | None = None,
        truncate_dim: int | None = None,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
        return_truncated: Literal[False] = False,
    ) -> Floats: ...

    @overload
    def encode(
        self,
        texts: str | Sequence[str],
        batch_size: int = 32,
        *,
        normalize_embeddings: bool | None = None,
        truncate_dim: int | None = None,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
        return_truncated: Literal[True],
    ) -> tuple[Floats, Flags]: ...

    def encode(
        self,
        texts: str | Sequence[str],
        batch_size: int = 32,
        *,
        normalize_embeddings: bool | None = None,
        truncate_dim: int | None = None,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
        return_truncated: bool = False,
    ) -> Floats | tuple[Floats, Flags]:
        """Turn texts into vectors. A text has the same vector, to the last bit, alone and in any batch.

        Args:
            texts: one text or several; an empty text is allowed.
            batch_size: rows given to the engine at once.
            normalize_embeddings: scale vectors to the length 1; None does what the bundle says.
            truncate_dim: keep the first numbers of each vector, before it is normalized.
            long_texts: what to do with more than `max_tokens`: "cut", or read overlapping windows and take the "mean"
                or "max" of their vectors.
            show_progress_bar: None shows it only where the logger "edgebert" is at INFO or lower.
            return_truncated: return also which texts were cut, instead of a `TruncationWarning`.

        Returns:
            float32 [dimension] for a str, [texts, dimension] for a sequence; with ``return_truncated`` also bool [] or
            [texts].

        Raises:
            InputError: an argument cannot be used.
            EngineError: the engine failed.
        """
        many = [texts] if isinstance(texts, str) else check_texts(texts)
        size = self.vector_size(truncate_dim)
        unit = self._is_normalized(normalize_embeddings)
        pooled, truncated = self._answer(
            many, None, batch_size, long_texts, show_progress_bar, self._pool, self.dimension
        )
        vectors = pooled[:, :size]
        if unit:
            vectors = np.stack([normalize(vector) for vector in vectors]) if len(many) else vectors
        vectors = np.ascontiguousarray(vectors)
        if not return_truncated:
            warn_truncated(truncated, self.max_tokens)
            return vectors[0] if isinstance(texts, str) else vectors
        return (vectors[0], truncated.reshape(())) if isinstance(texts, str) else (vectors, truncated)

    def outputs(self, texts: Sequence[Record]) -> list[Floats]:
        """Return the vector of each text, float32 [dimension]."""
        return list(self.encode(single_texts(texts), return_truncated=True)[0])

    def read(
        self, texts: Sequence[str], batch_size: int = 32, *, long_texts: LongTokens = "windows"
    ) -> list[TokenOutputs]:
        """Return the tokens of each text with their vectors [tokens, dimension], neither pooled nor normalized.

        Args:
            texts: the texts.
            batch_size: rows given to the engine at once; it changes no vector.
            long_texts: what to do with more than `max_tokens`: read overlapping "windows", or "cut" the end.

        Raises:
            InputError: an argument cannot be used.
            EngineError: the engine failed.
        """
        return read_tokens(self.session, self._reader, check_texts(texts), batch_size, long_texts, shown=False)

    def _pool(self, tokens: Floats) -> Floats:
        return pool(tokens, self._head.pooling)

    def _is_normalized(self, normalize_embeddings: bool | None) -> bool:
        if normalize_embeddings is None:
            return self._head.normalize
        if not isinstance(normalize_embeddings, bool):
            raise InputError(f"normalize_embeddings is {normalize_embeddings!r}: give True, False or None")
        return normalize_embeddings

    def vector_size(self, truncate_dim: int | None) -> int:
        """Return the length of a vector of `encode` with this ``truncate_dim``.

        Raises:
            InputError: it is not a whole number from 1 to `dimension`.
        """
        if truncate_dim is None:
            return self.dimension
        if (
            isinstance(truncate_dim, bool)
            or not isinstance(truncate_dim, int)
            or not 1 <= truncate_dim <= self.dimension
        ):
            raise InputError(f"truncate_dim is {truncate_dim!r}: give a whole number from 1 to {self.dimension}")
        return truncate_dim
