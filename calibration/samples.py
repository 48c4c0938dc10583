"""Choose the texts that a model is measured on."""

import dataclasses
import hashlib
import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from edgebert.errors import InputError
from edgebert.texts import Record

SAMPLES = 256  # texts; the channel maxima of MiniLM change by less than one step of INT8 beyond that

_POOL = 16  # texts held for each that is drawn, so that the lengths of those drawn are the lengths of the stream
_POOL_CHARACTERS = 1 << 25  # of all of them together; bounds memory where texts are whole books
_SPECIAL = 2  # [CLS] and [SEP]

_T = TypeVar("_T", bound=Record)
_U = TypeVar("_U")

Ids = npt.NDArray[np.int32]


@dataclasses.dataclass(frozen=True)
class Sample:
    """One text as a model takes it, without padding: int32 [1, tokens] each."""

    input_ids: Ids
    token_type_ids: Ids

    @property
    def tokens(self) -> int:
        """How many tokens the text has, with [CLS] and [SEP]."""
        return int(self.input_ids.shape[1])

    def feed(self) -> dict[str, Ids]:
        """Return the inputs of a BERT graph."""
        mask = np.ones_like(self.input_ids)
        return {"input_ids": self.input_ids, "attention_mask": mask, "token_type_ids": self.token_type_ids}


@dataclasses.dataclass(frozen=True)
class Drawn(Generic[_T]):
    """Texts drawn from a stream.

    Attributes:
        source: where they are from.
        read: texts in the stream, with empty and repeated ones.
        chosen: those that are learned from.
        held_out: others, for a check.
    """

    source: str
    read: int
    chosen: tuple[_T, ...]
    held_out: tuple[_T, ...]


@dataclasses.dataclass(frozen=True)
class Samples:
    """Texts drawn for calibration, as a model takes them.

    Attributes:
        source: where they are from.
        read: texts in the source, with empty and repeated ones.
        measured: those that ranges are taken from.
        held_out: others, on which the ranges are tried.
    """

    source: str
    read: int
    measured: tuple[Sample, ...]
    held_out: tuple[Sample, ...]

    @property
    def sha256(self) -> str:
        """Hash of the measured samples, in order."""
        return samples_sha256(self.measured)


def samples_sha256(samples: Iterable[Sample]) -> str:
    """Return a hash of the token ids of samples, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        for ids in (sample.input_ids, sample.token_type_ids):
            digest.update(len(ids[0]).to_bytes(4, "little") + ids.astype("<i4").tobytes())
    return digest.hexdigest()


def draw_texts(
    source: str, texts: Iterable[_T], count: int = SAMPLES, held_out: int = SAMPLES // 4, seed: int = 0
) -> Drawn[_T]:
    """Draw texts whose lengths are distributed as those of a stream, in bounded memory and one pass.

    A pool is drawn evenly from the stream's different texts, sorted by length, and every n-th of it is taken. So each
    stretch of lengths gives its share, to the text, and rare long texts are neither missed nor doubled by chance. What
    is drawn depends on the set of texts and the seed, not on the order of the stream. It comes from the shortest to the
    longest, so that `evenly` finds some of all lengths.

    Args:
        source: where the texts are from, for messages.
        texts: the stream of texts or pairs of texts, read to its end; those that are empty are passed over.
        count: how many to draw at most.
        held_out: how many more to draw for a check; where the texts are few, the same share of them.
        seed: makes the choice the same every time.

    Raises:
        InputError: there is no text.
    """
    read = 0

    def counted() -> Iterator[_T]:
        nonlocal read
        for read, text in enumerate(texts, 1):  # noqa: B007  (the count is what is wanted)
            if _characters(text):
                yield text

    pool = sorted(_pool(counted(), _POOL * (count + held_out), seed), key=lambda each: (_characters(each[1]), each[0]))
    if not pool:
        raise InputError(f"{source} holds no text that is not empty: give at least one")
    kept = min(held_out, len(pool) * held_out // (count + held_out))
    drawn = evenly(pool, count + kept)
    others = set(evenly(range(len(drawn)), kept))
    chosen = tuple(text for place, (_, text) in enumerate(drawn) if place not in others)
    return Drawn(source, read, chosen, tuple(drawn[place][1] for place in sorted(others)))


def evenly(items: Sequence[_U], count: int) -> list[_U]:
    """Return ``count`` of the items, or all where they are fewer: the middle of each of so many equal stretches."""
    count = min(count, len(items))
    return [items[(2 * place + 1) * len(items) // (2 * count)] for place in range(count)]


def check_lengths(source: str, samples: Sequence[Sample]) -> None:
    """Refuse samples that show no activation of a text.

    Raises:
        InputError: none has more than one token.
    """
    if max(sample.tokens for sample in samples) <= _SPECIAL + 1:
        raise InputError(
            f"the {len(samples)} different texts of {source} have one token at most: give whole texts, like the "
            "device's"
        )


def _pool(texts: Iterable[_T], count: int, seed: int) -> list[tuple[int, _T]]:
    """Draw at most ``count`` texts evenly, with the number that each was drawn by.

    Texts get random numbers from a hash, and those with the smallest are drawn: the same text has the same number, so
    one that comes again is either held already or was not drawn before. Fewer are drawn where they are so long that
    their sum would pass `_POOL_CHARACTERS`.
    """
    held: list[tuple[int, _T]] = []  # a heap of negative numbers, so that the largest number is first
    numbers: set[int] = set()
    characters, bound = 0, math.inf  # no number from ``bound`` on can be among those drawn
    for text in texts:
        number = _random_number(text, seed)
        if number >= bound or number in numbers:
            continue
        numbers.add(number)
        heapq.heappush(held, (-number, text))
        characters += _characters(text)
        while len(held) > count or (characters > _POOL_CHARACTERS and len(held) > 1):
            largest, left_out = heapq.heappop(held)
            bound = -largest
            numbers.remove(bound)
            characters -= _characters(left_out)
    return [(-number, text) for number, text in held]


def _characters(text: Record) -> int:
    """Return the length of a text, or of both texts of a pair."""
    return len(text) if isinstance(text, str) else sum(map(len, text))


def _random_number(text: Record, seed: int) -> int:
    key = f"{seed} {text!r}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(key, digest_size=16).digest(), "big")
