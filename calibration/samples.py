"""Choose the texts that a model is measured on."""

import random
from collections.abc import Iterable
from typing import TypeVar

SAMPLES = 256  # texts; the channel maxima of MiniLM change by less than one step of INT8 beyond that

_T = TypeVar("_T")


def choose_texts(texts: Iterable[_T], count: int = SAMPLES, seed: int = 0) -> list[_T]:
    """Draw texts evenly from a stream of any length in memory for ``count`` of them.

    Repeated texts count once as long as they are held; the order of the stream is kept. Every text has the same chance
    (reservoir sampling, Vitter's algorithm R), so lengths are distributed as in the stream.

    Args:
        texts: the stream; read to its end.
        count: how many to draw at most.
        seed: makes the choice the same every time.
    """
    generator = random.Random(seed)
    held: dict[int, _T] = {}
    seen = 0
    known: set[_T] = set()
    for text in texts:
        if text in known:
            continue
        slot = seen if seen < count else generator.randrange(seen + 1)
        if slot < count:
            if slot in held:
                known.discard(held[slot])
            known.add(text)
            held.pop(slot, None)
            held[slot] = text
        seen += 1
    return list(held.values())
