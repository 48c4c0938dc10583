"""A plain text corpus as examples: a sentence a line, documents with an empty line between."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import transformers

from edgebert.errors import InputError
from edgebert.export.train.examples import chunked
from edgebert.export.train.store import Features
from edgebert.texts import read_texts

_RECENT = 4096  # lines that a wrong next sentence is drawn from
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

Pair = tuple[str, str | None, int]  # text, text that follows, and 0 where it does follow, as transformers has it


def train_vocabulary(corpus: Path, size: int, lowercase: bool) -> Any:  # noqa: ANN401  (a BertTokenizerFast)
    """Return a tokenizer with a WordPiece vocabulary of at most ``size`` tokens, learned from a corpus.

    Raises:
        InputError: the corpus cannot be read or holds nothing.
    """
    backend = tokenizers.BertWordPieceTokenizer(lowercase=lowercase)
    backend.train_from_iterator(
        (line for line in read_texts(corpus, "txt") if line),
        vocab_size=size,
        special_tokens=list(_SPECIAL),
        show_progress=False,
    )
    if backend.get_vocab_size() <= len(_SPECIAL):
        raise InputError(f"{corpus} holds no text: a vocabulary needs some")
    separators = [(name, backend.token_to_id(name)) for name in ("[SEP]", "[CLS]")]
    backend.post_processor = tokenizers.processors.BertProcessing(
        *separators
    )  # it has none where it was not given words
    made: Any = transformers.BertTokenizerFast
    return made(tokenizer_object=backend._tokenizer, do_lower_case=lowercase)


def pairs_of(corpus: Path, next_sentence: bool, seed: int) -> Iterator[Pair]:
    """Yield lines, or with ``next_sentence`` each line with its next, or as often with another line.

    A wrong next line is one of the last few thousand; the last line of a document has no next and is left out.
    """
    if not next_sentence:
        yield from ((line, None, 0) for line in read_texts(corpus, "txt") if line.strip())
        return
    generator = random.Random(seed)
    recent: list[str] = []
    before = ""
    for line in map(str.strip, read_texts(corpus, "txt")):
        if before and line:
            wrong = bool(recent) and generator.random() < 0.5
            yield before, generator.choice(recent) if wrong else line, int(wrong)
        if line:
            if len(recent) < _RECENT:
                recent.append(line)
            else:
                recent[generator.randrange(_RECENT)] = line
        before = line


def corpus_examples(
    pairs: Iterator[Pair],
    tokenizer: Any,  # noqa: ANN401
    max_tokens: int,
    held_out: bool,
    every: int,
) -> Iterator[Features]:
    """Yield examples cut to ``max_tokens``: each ``every``-th is held out, the others are to train on."""
    wanted = (pair for number, pair in enumerate(pairs) if (number % every == every - 1) == held_out)
    for chunk in chunked(wanted):
        plain: Any = [first if second is None else (first, second) for first, second, _ in chunk]
        encoded = tokenizer(plain, truncation=True, max_length=max_tokens, return_token_type_ids=True)
        for at, (_, _, wrong) in enumerate(chunk):
            # a word is told from the next by its number, a text from the next by its type
            places = zip(encoded[at].word_ids, encoded[at].type_ids, strict=True)
            keys = [None if word is None else (word, kind) for word, kind in places]
            begins = [0 if key is None else 1 + (key == keys[place - 1]) for place, key in enumerate(keys)]
            yield {
                "input_ids": np.array(encoded["input_ids"][at], np.int32),
                "token_type_ids": np.array(encoded["token_type_ids"][at], np.int8),
                "begins_word": np.array(begins, np.int8),
                "next": np.array([wrong], np.int64),
            }
