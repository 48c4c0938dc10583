"""Choose the texts that a model is measured on."""

import dataclasses
import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edgebert.errors import InputError

SAMPLES = 256  # texts; the channel maxima of MiniLM change by less than one step of INT8 beyond that

_POOL = 16  # texts held for each that is drawn, so that the lengths of those drawn are the lengths of the stream
_SPECIAL = 2  # [CLS] and [SEP]

_T = TypeVar("_T")
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
class Samples:
    """Texts drawn for calibration.

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


def choose_texts(texts: Iterable[_T], count: int = SAMPLES, seed: int = 0) -> list[_T]:
    """Draw texts evenly from a stream of any length in memory for ``count`` of them.

    Repeated texts count once; the order of the stream is kept. Every text has the same chance.

    Args:
        texts: the stream; read to its end.
        count: how many to draw at most.
        seed: makes the choice the same every time.
    """
    return [text for _, text in _draw(texts, count, seed, lambda text: text)]


def draw_samples(
    source: str,
    texts: Iterable[_T],
    tokenize: Callable[[_T], Sample],
    count: int = SAMPLES,
    held_out: int = SAMPLES // 4,
    seed: int = 0,
) -> Samples:
    """Draw samples whose lengths are distributed as those of a stream, in bounded memory and one pass.

    A pool is drawn evenly from the stream's different texts, sorted by length, and every n-th of it is taken. So each
    stretch of lengths gives its share, to the text, and rare long texts are neither missed nor doubled by chance. What
    is drawn depends on the set of texts and the seed, not on their order.

    Args:
        source: where the texts are from, for messages.
        texts: the stream; texts that are empty are passed over.
        tokenize: makes a sample of a text.
        count: how many to draw at most.
        held_out: how many more to draw for a check; fewer where the texts are few.
        seed: makes the choice the same every time.

    Raises:
        InputError: there is no text, or none of more than one token.
    """
    read = 0

    def counted() -> Iterator[_T]:
        nonlocal read
        for read, text in enumerate(texts, 1):  # noqa: B007  (the count is what is wanted)
            if text and text != ("", ""):
                yield text

    pool = [sample for _, sample in _draw(counted(), _POOL * (count + held_out), seed, tokenize)]
    if not pool:
        raise InputError(f"{source} holds no text that is not empty: give at least one")
    if max(sample.tokens for sample in pool) <= _SPECIAL + 1:
        raise InputError(
            f"the {len(pool)} different texts of {source} have one token at most: give whole texts, like the device's"
        )
    kept = min(held_out, len(pool) // 4)
    drawn = _evenly(sorted(pool, key=_length_then_ids), min(count + kept, len(pool)))
    others = set(_evenly(range(len(drawn)), kept))
    measured = tuple(sample for place, sample in enumerate(drawn) if place not in others)
    return Samples(source, read, measured, tuple(drawn[place] for place in sorted(others)))


def _draw(texts: Iterable[_T], count: int, seed: int, keep: Callable[[_T], _U]) -> list[tuple[int, _U]]:
    """Return the place in the stream of the drawn texts and what ``keep`` makes of them, in the order of the stream.

    Texts get random numbers from a hash, and those with the smallest are drawn: the same text has the same number, so
    one that comes again is either held already or was not drawn before.
    """
    held: list[tuple[int, int, _U]] = []  # a heap, the largest number first
    numbers: set[int] = set()
    for place, text in enumerate(texts):
        number = _random_number(text, seed)
        if number in numbers or (len(held) == count and number > -held[0][0]):
            continue
        numbers.add(number)
        heapq.heappush(held, (-number, place, keep(text)))
        if len(held) > count:
            numbers.remove(-heapq.heappop(held)[0])
    return sorted(((place, kept) for _, place, kept in held), key=lambda each: each[0])


def _random_number(text: object, seed: int) -> int:
    key = f"{seed} {text!r}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(key, digest_size=16).digest(), "big")


def _evenly(items: Sequence[_T], count: int) -> list[_T]:
    """Return the middle of each of ``count`` equal stretches."""
    return [items[(2 * place + 1) * len(items) // (2 * count)] for place in range(count)]


def _length_then_ids(sample: Sample) -> tuple[int, bytes]:
    return sample.tokens, hashlib.sha256(sample.input_ids.tobytes()).digest()
