"""Sentences of words with a tag each."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from edgebert.accuracy.columns import label_number, list_in, words_in
from edgebert.accuracy.entities import entity_marks
from edgebert.accuracy.evaluation import Evaluation, Labelled, evaluation_of, read_pairs
from edgebert.accuracy.metrics import ENTITY_F1, Marks
from edgebert.errors import InputError
from edgebert.lines import Row
from edgebert.models import Model
from edgebert.tagger import Tagger
from edgebert.windows import TokenOutputs

_OUTSIDE = "O"


def tags(data: Labelled, labels: Sequence[str]) -> Evaluation:
    """Read sentences as lists "tokens" and "tags": the F1 of their entities.

    The words are joined by spaces for the model; a word has the label of its first token.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    sentences, expected = read_pairs(data, lambda row: _sentence(row, numbers))
    texts = [" ".join(words) for words in sentences]
    wanted = [[labels[number] for number in sentence] for sentence in expected]

    def mark(model: Model) -> Marks:
        read = cast("Tagger", model).read(texts)
        found = [word_tags(words, tokens, labels) for words, tokens in zip(sentences, read, strict=True)]
        return entity_marks(wanted, found)

    return evaluation_of(data, texts, wanted, (ENTITY_F1,), mark)


def word_tags(words: Sequence[str], tokens: TokenOutputs, labels: Sequence[str]) -> list[str]:
    """Return the tag of each word of a sentence whose words are joined by spaces; "O" where a word has no token."""
    ends = np.cumsum([len(word) + 1 for word in words])
    at = np.searchsorted(ends, tokens.offsets[:, 0], side="right")  # the word in which each token begins
    found = [_OUTSIDE] * len(words)
    for word, token in zip(*np.unique(at, return_index=True), strict=True):
        found[word] = labels[int(tokens.outputs[token].argmax())]
    return found


def _sentence(row: Row, numbers: Mapping[str, int]) -> tuple[list[str], list[int]]:
    words, names = words_in(row, "tokens"), list_in(row, "tags")
    if len(words) != len(names):
        raise InputError(f"{row.where}: there are {len(words)} tokens and {len(names)} tags: give each token a tag")
    return words, [label_number(row, name, numbers) for name in names]
