"""The texts of a benchmark: a seeded sample that keeps the source's distribution of lengths."""

import dataclasses
import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from edgebert.bench.report import TextFacts
from edgebert.engines import Ids
from edgebert.errors import InputError
from edgebert.texts import Record, paired_texts, single_texts
from edgebert.tokenizer import Tokenizer

_POOL = 2048  # texts that are kept of a larger source
_SEED = 19850000
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Workload:
    """Texts and what a session takes for each: input_ids, attention_mask and token_type_ids, int32 [1, tokens]."""

    texts: tuple[Record, ...]
    inputs: tuple[tuple[Ids, Ids, Ids], ...]
    facts: TextFacts

    @property
    def tokens(self) -> list[int]:
        """Tokens of each text, special tokens included."""
        return [ids.shape[1] for ids, _, _ in self.inputs]

    def spread(self, count: int) -> list[Record]:
        """Return ``count`` texts, or all if there are fewer: the one of median length first, the longest last."""
        rest = sorted(range(len(self.texts)), key=lambda index: self.tokens[index])
        middle = rest.pop(len(rest) // 2)
        return [self.texts[index] for index in (middle, *pick(rest[:-1], count - 2), *rest[-1:])]


def make_workload(texts: Iterable[Record], source: str, count: int, tokenizer: Tokenizer, max_tokens: int) -> Workload:
    """Choose ``count`` of the texts, or of pairs of texts, and tokenize them.

    The texts (at most 2048 of them, drawn with equal chances) are sorted by tokens, and the middle one of each of
    ``count`` equal parts is taken: the sample's lengths are the quantiles of the source's. They are then put in a
    random order, which is the same in every run.

    Raises:
        InputError: there is no text.
    """
    kept, read = draw(texts, _POOL)
    if not kept:
        raise InputError(f"{source} holds no text: give a file with at least one")
    firsts, seconds = (single_texts(kept), None) if isinstance(kept[0], str) else paired_texts(kept)
    rows = tokenizer.encode_batch(firsts, seconds, max_length=max_tokens)
    lengths = np.diff(rows.row_starts)
    chosen = pick(np.argsort(lengths, kind="stable").tolist(), count)
    random.Random(_SEED).shuffle(chosen)
    used = lengths[chosen]
    facts = TextFacts(
        source=source,
        read=read,
        used=len(chosen),
        cut=int(np.count_nonzero(np.asarray(rows.truncated)[chosen])),
        tokens_median=float(np.median(used)),
        tokens_least=int(used.min()),
        tokens_most=int(used.max()),
    )
    inputs = tuple(rows.padded([row]) for row in chosen)
    return Workload(tuple(kept[row] for row in chosen), inputs, facts)


def draw(items: Iterable[_T], count: int) -> tuple[list[_T], int]:
    """Draw ``count`` items of a stream with equal chances and say how many it had.

    Source: J. S. Vitter, Random sampling with a reservoir, ACM Transactions on Mathematical Software 11(1), 1985,
    algorithm R.
    """
    generator = random.Random(_SEED)
    kept: list[_T] = []
    read = 0
    for item in items:
        read += 1
        if len(kept) < count:
            kept.append(item)
        elif (place := generator.randrange(read)) < count:
            kept[place] = item
    return kept, read


def pick(items: Sequence[_T], count: int) -> list[_T]:
    """Return the middle item of each of ``count`` equal parts, or all items where there are no more than ``count``."""
    if len(items) <= count:
        return list(items)
    return [items[(2 * part + 1) * len(items) // (2 * count)] for part in range(count)]
