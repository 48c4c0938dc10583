"""Words to BIO tags. A word's first piece carries its tag; the other pieces are not trained on."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from edgebert.accuracy.columns import words_in
from edgebert.errors import InputError
from edgebert.export.train.batches import PADDING, Batch
from edgebert.export.train.examples import chunked
from edgebert.export.train.loop import Metrics
from edgebert.export.train.metrics import entity_f1
from edgebert.export.train.store import Array, Features, Store
from edgebert.export.train.tasks.models import inputs_of, load_model
from edgebert.lines import Row

_TAG = re.compile(r"O|[BI]-\S+")
_IGNORED = PADDING["token_labels"]


@dataclasses.dataclass(frozen=True)
class Tag:
    """Token classification with tags such as "O", "B-PER" and "I-PER"."""

    labels: tuple[str, ...]

    @property
    def metric(self) -> str:
        """The F1 over exact entities."""
        return "entity_f1"

    @classmethod
    def from_rows(cls, rows: Iterator[Row], source: str) -> "Tag":
        """Find the tags that occur; every type gets both a B- and an I-.

        Raises:
            InputError: a row cannot be used, its tags are not BIO, or there is no entity.
        """
        types = sorted({tag[2:] for row in rows for tag in _tagged(row)[1] if tag != "O"})
        if not types:
            raise InputError(f"{source}: every tag is O: a tagger needs at least one type of entity")
        return cls(("O", *(f"{begin}-{kind}" for kind in types for begin in "BI")))

    def encode(self, rows: Iterator[Row], tokenizer: Any, max_tokens: int) -> Iterator[Features]:  # noqa: ANN401
        """Yield token ids with the tag of the first piece of each word, and the tags of all words."""
        for chunk in chunked((_tagged(row), row.where) for row in rows):
            encoded = tokenizer(
                [words for (words, _), _ in chunk],
                is_split_into_words=True,
                truncation=True,
                max_length=max_tokens,
                return_token_type_ids=True,
            )
            for at, ((_, tags), where) in enumerate(chunk):
                numbers = self._numbers(tags, where)
                labels, places = _at_first_pieces(numbers, encoded.word_ids(at))
                yield {
                    "input_ids": np.array(encoded["input_ids"][at], np.int32),
                    "token_type_ids": np.array(encoded["token_type_ids"][at], np.int8),
                    "token_labels": labels,
                    "places": places,
                    "words": np.array(numbers, np.int32),
                }

    def unlabelled(self, tokens: int) -> Features:
        """Return the columns of a text that nobody labelled."""
        none = np.empty(0, np.int32)
        return {"token_labels": np.full(tokens, _IGNORED, np.int32), "places": none, "words": none}

    def _numbers(self, tags: list[str], where: str) -> list[int]:
        unknown = next((tag for tag in tags if tag not in self.labels), None)
        if unknown is not None:
            raise InputError(f"{where}: the tag {unknown!r} is not among those of the training data")
        return [self.labels.index(tag) for tag in tags]

    def build(self, folder: Path) -> Any:  # noqa: ANN401
        """Load a BertForTokenClassification with these tags."""
        names = dict(enumerate(self.labels))
        numbers = {label: at for at, label in names.items()}
        return load_model("BertForTokenClassification", folder, num_labels=len(names), id2label=names, label2id=numbers)

    def loss(self, model: Any, batch: Batch) -> torch.Tensor:  # noqa: ANN401
        """Return the mean cross-entropy over words."""
        return self.loss_of(model(**inputs_of(batch)).logits, batch)

    def loss_of(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the mean cross-entropy over the words that have a tag, 0 where none has."""
        labels = batch["token_labels"]
        if not bool((labels != _IGNORED).any()):
            return logits.sum() * 0
        return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=_IGNORED)

    def predict(self, model: Any, batch: Batch) -> list[Array]:  # noqa: ANN401
        """Return the best tag of each word that has a piece, int64 [words]."""
        best = model(**inputs_of(batch)).logits.argmax(dim=-1)
        kept = batch["token_labels"] != _IGNORED
        return [tags[mask].cpu().numpy() for tags, mask in zip(best, kept, strict=True)]

    def score(self, found: Sequence[Array], data: Store) -> Metrics:
        """Return entity F1 and the accuracy of words; a word that was cut off or has no piece counts as O."""
        expected = [data.get("words", at) for at in range(len(data))]
        filled = [np.zeros_like(words) for words in expected]
        for at, tags in enumerate(found):
            filled[at][data.get("places", at)] = tags
        right = sum(int((ours == theirs).sum()) for ours, theirs in zip(filled, expected, strict=True))
        return {
            "entity_f1": entity_f1([*map(self._names, filled)], [*map(self._names, expected)]),
            "word_accuracy": right / sum(map(len, expected)),
        }

    def _names(self, numbers: Array) -> list[str]:
        return [self.labels[at] for at in numbers]

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:  # noqa: ANN401
        """Write model and tokenizer."""
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _tagged(row: Row) -> tuple[list[str], list[str]]:
    """Return words and tags of a row and check that the tags are BIO."""
    words, tags = words_in(row, "tokens"), words_in(row, "tags")
    if len(words) != len(tags):
        raise InputError(f"{row.where}: there are {len(words)} tokens and {len(tags)} tags: give one tag a token")
    before = "O"
    for at, tag in enumerate(tags, 1):
        if not _TAG.fullmatch(tag):
            raise InputError(f"{row.where}: tag {at} is {tag!r}, which is not BIO: write O, B-TYPE or I-TYPE")
        if tag[0] == "I" and before[2:] != tag[2:]:
            raise InputError(
                f"{row.where}: tag {at} is {tag!r} after {before!r}, which is not BIO: begin an entity with B-{tag[2:]}"
            )
        before = tag
    return words, tags


def _at_first_pieces(numbers: list[int], word_ids: list[int | None]) -> tuple[Array, Array]:
    """Return the label of each piece, int32 [tokens], and the words that have a piece, int32, in order."""
    labels = np.full(len(word_ids), _IGNORED, np.int32)
    places = []
    for at, word in enumerate(word_ids):
        if word is not None and word != word_ids[at - 1]:
            labels[at] = numbers[word]
            places.append(word)
    return labels, np.array(places, np.int32)
