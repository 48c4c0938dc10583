"""The characters and words of a text, and the tokens that they are read as."""

import itertools
import unicodedata
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from edgebert.batching import Flags
from edgebert.engines import Ids

Unit = Literal["characters", "words"]


class Place(NamedTuple):
    """A character or word: how it is written, and its tokens from ``first`` to ``end``, which is excluded."""

    key: str
    first: int
    end: int


Finder = Callable[[str, Ids, Flags, bool], Iterator[Place]]


def characters(text: str, offsets: Ids, continues: Flags, lowercase: bool) -> Iterator[Place]:
    """Yield the characters of a text that a token reads.

    A combining mark belongs to the character before it; white space and control characters are left out.

    Args:
        text: the text.
        offsets: of its tokens, int32 [tokens, 2], in code points.
        continues: bool [tokens], whether a token continues a word; not used here.
        lowercase: write keys in lower case, as the tokenizer reads them.
    """
    starts = [at for at, character in enumerate(text) if unicodedata.category(character)[0] not in "MCZ"]
    ends = [*starts[1:], len(text)] if starts else []
    firsts = np.searchsorted(offsets[:, 1], starts, side="right").tolist()
    stops = np.searchsorted(offsets[:, 0], np.array(starts) + 1, side="left").tolist()
    for start, end, first, stop in zip(starts, ends, firsts, stops, strict=True):
        if first < stop:
            yield Place(_key(text[start:end], lowercase), first, stop)


def words(text: str, offsets: Ids, continues: Flags, lowercase: bool) -> Iterator[Place]:
    """Yield the words of a text as the tokenizer finds them: a Chinese character or a punctuation mark is a word.

    The arguments are those of `characters`.
    """
    begins = np.flatnonzero(~continues).tolist()
    for first, end in itertools.pairwise([*begins, len(continues)]):
        stop = int(offsets[end - 1, 1])
        while stop < len(text) and unicodedata.category(text[stop])[0] == "M":
            stop += 1  # the tokenizer strips accents, and a word ends before one
        yield Place(_key(text[offsets[first, 0] : stop], lowercase), first, end)


FINDERS: dict[Unit, Finder] = {"characters": characters, "words": words}


def _key(text: str, lowercase: bool) -> str:
    """Return how a piece of text is written: composed, without what the tokenizer does not read."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(character for character in composed if unicodedata.category(character)[0] != "C")
    return kept.strip().lower() if lowercase else kept.strip()
