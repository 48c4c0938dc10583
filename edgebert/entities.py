"""From labels of tokens to entities, as the token-classification pipeline of transformers makes them."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Literal, TypedDict

import numpy as np

from edgebert.engines import Floats
from edgebert.pieces import Pieces
from edgebert.windows import TokenOutputs

Aggregation = Literal["none", "simple", "first", "average", "max"]


class _Place(TypedDict):
    score: float
    word: str
    start: int
    end: int


class Entity(_Place, total=False):
    """A piece of text with a label; ``start`` and ``end`` are code points of the text, end excluded.

    Entities have an ``entity_group``, the label without "B-" and "I-"; tokens (aggregation "none") have the label
    itself as ``entity``, and an ``index`` among the tokens of the text, where [CLS] is 0.
    """

    entity: str
    entity_group: str
    index: int


@dataclasses.dataclass(frozen=True)
class _Unit:
    """A token or a word: how it is written, where it stands, and the score of every label."""

    word: str
    start: int
    end: int
    scores: Floats


@dataclasses.dataclass(frozen=True)
class _Labelled:
    label: str
    score: float
    word: str
    start: int
    end: int


class Grouping:
    """Makes entities of the tokens of a text."""

    def __init__(self, labels: Sequence[str], pieces: Pieces, unknown: int) -> None:
        self._labels = labels
        self._pieces = pieces
        self._unknown = unknown

    def entities(self, text: str, tokens: TokenOutputs, aggregation: Aggregation) -> list[Entity]:
        """Return the entities of a text in order, those of every label.

        Args:
            text: the text.
            tokens: its tokens with scores [tokens, labels].
            aggregation: what an entity is: a token ("none"), neighbouring tokens of one label ("simple"), or
                neighbouring words of one label, where a word has the label of its "first" token, of the "average" of
                its tokens' scores, or of the token with the "max" score.
        """
        units = [self._unit(text, tokens, at) for at in range(len(tokens.ids))]
        if aggregation == "none":
            return [_token(at, self._labelled(unit)) for at, unit in enumerate(units, 1)]
        if aggregation != "simple":
            words = _words(units, self._pieces.continues(tokens.ids).tolist())
            units = [self._merged(word, aggregation) for word in words]
        return [self._grouped(group) for group in _groups([self._labelled(unit) for unit in units])]

    def _unit(self, text: str, tokens: TokenOutputs, at: int) -> _Unit:
        start, end = tokens.offsets[at].tolist()
        token = int(tokens.ids[at])
        word = text[start:end] if token == self._unknown else self._pieces.text(token)
        return _Unit(word, start, end, tokens.outputs[at])

    def _merged(self, units: Sequence[_Unit], aggregation: Aggregation) -> _Unit:
        """Make one word of its tokens."""
        if aggregation == "first":
            scores = units[0].scores
        elif aggregation == "max":
            scores = max((unit.scores for unit in units), key=lambda scores: float(scores.max()))
        else:
            scores = np.mean([unit.scores for unit in units], axis=0)
        return _Unit(self._pieces.join([unit.word for unit in units]), units[0].start, units[-1].end, scores)

    def _labelled(self, unit: _Unit) -> _Labelled:
        best = int(unit.scores.argmax())
        return _Labelled(self._labels[best], float(unit.scores[best]), unit.word, unit.start, unit.end)

    def _grouped(self, group: Sequence[_Labelled]) -> Entity:
        return {
            "entity_group": group[0].label.split("-", 1)[-1],
            "score": float(np.mean([each.score for each in group])),
            "word": self._pieces.join([each.word for each in group]),
            "start": group[0].start,
            "end": group[-1].end,
        }


def _token(index: int, token: _Labelled) -> Entity:
    return {
        "entity": token.label,
        "score": token.score,
        "index": index,
        "word": token.word,
        "start": token.start,
        "end": token.end,
    }


def _words(units: Sequence[_Unit], continues: Sequence[bool]) -> Iterator[list[_Unit]]:
    """Yield the tokens of each word."""
    numbers = itertools.accumulate(not each for each in continues)
    for _, word in itertools.groupby(zip(numbers, units, strict=True), key=lambda pair: pair[0]):
        yield [unit for _, unit in word]


def _groups(units: Sequence[_Labelled]) -> Iterator[list[_Labelled]]:
    """Yield neighbours of one label; a label with "B-" begins a group."""
    group: list[_Labelled] = []
    for unit in units:
        begins, tag = _tag(unit.label)
        if group and (begins or tag != _tag(group[-1].label)[1]):
            yield group
            group = []
        group.append(unit)
    if group:
        yield group


def _tag(label: str) -> tuple[bool, str]:
    """Return whether a label begins an entity, and its name; a label without "B-" or "I-" goes on."""
    return label.startswith("B-"), label[2:] if label.startswith(("B-", "I-")) else label
