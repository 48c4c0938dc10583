"""The examples that a student learns from: labelled ones, unlabelled ones, and changed copies of both."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgebert.export.train.augment import Change, augmented
from edgebert.export.train.distill_settings import Distill
from edgebert.export.train.examples import Text, chunked, encode_texts, text_of
from edgebert.export.train.sources import training_rows
from edgebert.export.train.store import Features, Store, write_store
from edgebert.export.train.tasks.answer import Answer
from edgebert.export.train.tasks.classify import Classify
from edgebert.export.train.tasks.embed import Embed
from edgebert.export.train.tasks.tag import Tag
from edgebert.texts import read_texts

Task = Classify | Tag | Answer | Embed


def write_examples(
    folder: Path,
    settings: Distill,
    task: Task,
    changes: Sequence[Change],
    tokenizer: Any,  # noqa: ANN401
    limit: int,
) -> None:
    """Write all examples, unless an earlier try did.

    Raises:
        InputError: a row cannot be used.
    """
    if folder.exists():
        return
    plain = folder.with_name("plain")
    store = write_store(plain, labelled_and_not(settings, task, tokenizer, limit))
    if settings.augment:
        copies = augmented(store, settings.augment, changes, tokenizer, unlabelled_of(task), settings.training.seed)
        write_store(folder, _chained(store, copies))
    else:
        plain.rename(folder)


def labelled_and_not(settings: Distill, task: Task, tokenizer: Any, limit: int) -> Iterator[Features]:  # noqa: ANN401
    """Yield the examples of ``train``, then those of ``unlabelled``.

    Raises:
        InputError: a row cannot be used.
    """
    if isinstance(task, Embed):
        yield from plain_examples(each_text(settings.train, settings.columns), task, tokenizer, limit)
    else:
        yield from task.encode(training_rows(settings.train, settings.columns), tokenizer, limit)
    if settings.unlabelled is not None:
        yield from plain_examples(each_text(settings.unlabelled, {}), task, tokenizer, limit)


def each_text(source: str, columns: Mapping[str, str]) -> Iterator[Text]:
    """Yield the texts or pairs of a source, which may be a .txt file; for vectors a pair is two texts."""
    if source.endswith(".txt"):
        yield from ((text, None) for text in read_texts(source) if text.strip())
        return
    for row in training_rows(source, columns):
        yield text_of(row)


def plain_examples(texts: Iterator[Text], task: Task, tokenizer: Any, limit: int) -> Iterator[Features]:  # noqa: ANN401
    """Yield texts as examples that nobody labelled."""
    apart = isinstance(task, Embed)
    singles = ((each, None) for pair in texts for each in pair if each is not None) if apart else texts
    columns = unlabelled_of(task)
    for chunk in chunked(singles):
        encoded = encode_texts(tokenizer, chunk, limit)
        for ids, types in zip(encoded["input_ids"], encoded["token_type_ids"], strict=True):
            tokens: Features = {"input_ids": np.array(ids, np.int32), "token_type_ids": np.array(types, np.int8)}
            yield {**tokens, **columns(len(ids))}


def unlabelled_of(task: Task) -> Any:  # noqa: ANN401  (a function from a number of tokens to columns)
    """Return what gives the columns of a text that nobody labelled."""
    if isinstance(task, (Classify, Tag)):
        return task.unlabelled
    return lambda tokens: {}


def _chained(store: Store, copies: Iterator[Features]) -> Iterator[Features]:
    for at in range(len(store)):
        yield {name: store.get(name, at) for name in store.columns}
    yield from copies
