"""Prune a vocabulary to what the texts of a domain need, with the tokenizer and the word vectors changed to fit."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
import transformers

from edgebert.errors import TokenizerError

Ids = npt.NDArray[np.int64]


def needed_ids(tokenizer: Any, used: Iterable[int]) -> Ids:  # noqa: ANN401  (a PreTrainedTokenizerFast)
    """Return the ids to keep, in order: those in use, special tokens, and every single character.

    Characters are kept so that a word the texts do not have falls into pieces and not into [UNK].
    """
    keep = {*used, *tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    prefix = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["continuing_subword_prefix"]
    for token, index in tokenizer.get_vocab().items():
        if len(token.removeprefix(prefix)) == 1:
            keep.add(index)
    return np.array(sorted(keep), np.int64)


def pruned_tokenizer(tokenizer: Any, keep: Ids) -> Any:  # noqa: ANN401
    """Return a tokenizer that knows only some ids, numbered anew in their order."""
    new = {int(old): at for at, old in enumerate(keep)}
    document = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary = document["model"]["vocab"]
    document["model"]["vocab"] = {token: new[old] for token, old in vocabulary.items() if old in new}
    for added in document["added_tokens"]:
        added["id"] = new[added["id"]]
    _renumber(document["post_processor"], new)
    # a cut or a padding of the original would ask for ids that are gone
    document["truncation"] = document["padding"] = None
    backend = tokenizers.Tokenizer.from_str(json.dumps(document))
    settings = {key: value for key, value in tokenizer.init_kwargs.items() if key in _KEPT}
    made: Any = transformers.BertTokenizerFast
    return made(tokenizer_object=backend, model_max_length=tokenizer.model_max_length, **settings)


_KEPT = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")


def _renumber(processor: Any, new: dict[int, int]) -> None:  # noqa: ANN401  (JSON)
    if processor["type"] == "BertProcessing":
        for name in ("sep", "cls"):
            processor[name][1] = new[processor[name][1]]
    else:
        for special in processor["special_tokens"].values():
            special["ids"] = [new[old] for old in special["ids"]]


def check_pruned(tokenizer: Any, pruned: Any, keep: Ids, texts: Sequence[str]) -> None:  # noqa: ANN401
    """Check on texts that the pruned tokenizer gives the ids of the original, numbered anew.

    Raises:
        TokenizerError: it does not; the message has the text.
    """
    new = {int(old): at for at, old in enumerate(keep)}
    for text in texts:
        expected = [new.get(old) for old in tokenizer(text)["input_ids"]]
        if pruned(text)["input_ids"] != expected:
            raise TokenizerError(f"the pruned vocabulary gives other tokens for {text!r}: report this text")


def prune_embeddings(model: Any, keep: Ids) -> None:  # noqa: ANN401  (a transformers model)
    """Keep only some rows of the word vectors, in order."""
    embeddings = embeddings_of(model)
    embeddings.word_embeddings = made = some_rows(embeddings.word_embeddings, keep)
    model.config.vocab_size = len(keep)
    model.config.pad_token_id = made.padding_idx


def embeddings_of(model: Any) -> Any:  # noqa: ANN401
    """Return the embeddings of an encoder, or of the encoder in a model with a head."""
    return getattr(model, "bert", model).embeddings


def some_rows(table: torch.nn.Embedding, keep: Ids) -> torch.nn.Embedding:
    """Return a copy of some rows of a table, in order; the one for padding must be among them."""
    padding = int(np.flatnonzero(keep == (table.padding_idx or 0))[0])
    made = torch.nn.Embedding(len(keep), table.embedding_dim, padding_idx=padding)
    made.weight = torch.nn.Parameter(table.weight.detach()[torch.from_numpy(keep)].clone())
    return made


def places_of(keep: Ids, size: int) -> torch.Tensor:
    """Return the place of each of ``size`` ids among those to keep, int64 [size]; -1 for the others."""
    places = torch.full((size,), -1)
    places[torch.from_numpy(keep)] = torch.arange(len(keep))
    return places
