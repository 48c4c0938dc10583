"""Entities in a sequence of IOB2 tags, counted as CoNLL-2003 does.

Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task", 2003: an entity is right where its type and
both of its ends are. A stray I- begins an entity, as in the task's own script and in seqeval's default mode.
"""

from collections.abc import Sequence

import numpy as np

from edgebert.accuracy.metrics import Marks

Entity = tuple[str, int, int]  # type, first tag, end


def entities(tags: Sequence[str]) -> set[Entity]:
    """Return the entities of a sentence; a tag is ``O``, ``B-TYPE`` or ``I-TYPE``."""
    found: set[Entity] = set()
    kind, begin = "", 0
    for at, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if kind and (prefix != "I" or name != kind):
            found.add((kind, begin, at))
            kind = ""
        if prefix != "O" and not kind:
            kind, begin = name, at
    return found


def entity_marks(expected: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> Marks:
    """Return the marks of `metrics.ENTITY_F1` for sentences: expected and found tags, as many on both sides."""
    rows = [_counts(entities(wanted), entities(given)) for wanted, given in zip(expected, found, strict=True)]
    return np.array(rows, np.float64).reshape(len(rows), 3)


def _counts(expected: set[Entity], found: set[Entity]) -> tuple[int, int, int]:
    return len(expected & found), len(found), len(expected)
