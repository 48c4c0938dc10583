"""From texts to a lexicon."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from edgebert.engines import Floats
from edgebert.lexicon.sources import VectorSource
from edgebert.lexicon.table import Lexicon
from edgebert.lexicon.units import FINDERS, Unit
from edgebert.pieces import Pieces


class Collector:
    """Reads texts, as many at a time as the caller likes, into a lexicon."""

    def __init__(self, source: VectorSource, unit: Unit) -> None:
        self.lexicon = Lexicon(source.dimension)
        self._source = source
        self._find = FINDERS[unit]
        self._pieces = Pieces(source.tokenizer)

    def add(self, texts: Sequence[str]) -> None:
        """Add every occurrence of every character or word of the texts."""
        lowercase = self._source.tokenizer.lowercase
        for text, tokens in zip(texts, self._source.read(texts), strict=True):
            if not len(tokens.ids):
                continue
            continues = self._pieces.continues(tokens.ids)
            places = [place for place in self._find(text, tokens.offsets, continues, lowercase) if place.key]
            if places:
                vectors = np.stack([_mean(tokens.outputs, first, end) for _, first, end in places])
                self.lexicon.add([place.key for place in places], vectors)


def _mean(vectors: Floats, first: int, end: int) -> Floats:
    """Return the mean vector of neighbouring tokens."""
    mean = vectors[first] if end == first + 1 else vectors[first:end].mean(axis=0)
    return cast("Floats", mean)
