"""The BERT tokenizer: token ids, type ids, masks and offsets equal to Hugging Face's fast tokenizer."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from edgebert import _native, tokenizer_file
from edgebert._native import Encoding
from edgebert.errors import InputError, TokenizerError
from edgebert.files import new_file
from edgebert.tokenizer_batch import EncodedBatch
from edgebert.tokenizer_json import read_tokenizer_json

__all__ = ["EncodedBatch", "Encoding", "Tokenizer"]

Truncation = Literal["longest_first", "only_first", "only_second"]
Side = Literal["right", "left"]

_STRATEGIES = {"longest_first": 0, "only_first": 1, "only_second": 2}
_FROM_LEFT = {"right": False, "left": True}
_MAX_THREADS = 1024


class Tokenizer:
    """A BERT tokenizer. Immutable; any number of threads may use it at once."""

    __slots__ = ("_core",)

    def __init__(self, core: _native.Tokenizer) -> None:
        self._core = core

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], lowercase: bool | None = None) -> "Tokenizer":
        """Load a tokenizer.json (Hugging Face), a vocab.txt, a tokenizer.edgebert, or a folder with one of them.

        The truncation and padding sections of a tokenizer.json are ignored: the caller of ``encode`` gives
        ``max_length``.

        Args:
            path: the file or folder. A tokenizer.edgebert is mapped, not read; the others are compiled in memory.
            lowercase: None takes what the file says; for a vocab.txt, what a tokenizer_config.json beside it says,
                else lower case. A value overrides that; a compiled file must already agree with it.

        Raises:
            TokenizerError: the file is missing, broken or not a BERT WordPiece tokenizer.
        """
        place = tokenizer_file.find_file(path)
        if tokenizer_file.is_compiled(place):
            core = _native.Tokenizer.open(os.fsencode(place))
            if lowercase is not None and lowercase != core.lowercase:
                raise TokenizerError(f"{place} is compiled with lowercase={core.lowercase}: compile its source anew")
            return cls(core)
        content = tokenizer_file.read_bytes(place)
        is_json = place.suffix == ".json" or (place.suffix != ".txt" and content.lstrip()[:1] == b"{")
        read = read_tokenizer_json if is_json else tokenizer_file.read_vocab_txt
        return cls(_native.Tokenizer.from_bytes(tokenizer_file.compile_vocabulary(read(place, content, lowercase))))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a tokenizer.edgebert, whole or not at all; the same tokenizer gives the same bytes.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            with new_file(Path(path)) as temporary:
                temporary.write_bytes(self._core.file_bytes())
        except OSError as error:
            raise InputError(f"cannot write {os.fspath(path)}: {error.strerror}") from error

    def encode(
        self,
        text: str,
        pair: str | None = None,
        *,
        max_length: int | None = None,
        stride: int = 0,
        truncation: Truncation = "longest_first",
        truncation_side: Side = "right",
        add_special_tokens: bool = True,
    ) -> Encoding:
        """Tokenize one text or a pair of texts.

        Args:
            text: the text.
            pair: a second text, for models that take two.
            max_length: most tokens of the answer, with special tokens; None for no limit.
            stride: tokens that neighbouring windows of a cut text share; the windows are in ``overflowing``.
            truncation: which text is cut when both together are too long.
            truncation_side: the side at which a text is cut.
            add_special_tokens: whether [CLS] and [SEP] are added.

        Raises:
            InputError: an argument of a wrong type or an impossible value, or a text with a lone surrogate.
        """
        try:
            return self._core.encode(
                text,
                pair,
                max_length,
                stride,
                _STRATEGIES[truncation],
                _FROM_LEFT[truncation_side],
                add_special_tokens,
            )
        except (TypeError, KeyError) as error:
            raise _wrong_argument(
                {
                    "text": text,
                    "max_length": max_length,
                    "stride": stride,
                    "truncation": truncation,
                    "truncation_side": truncation_side,
                    "add_special_tokens": add_special_tokens,
                }
            ) from error

    def encode_batch(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        *,
        max_length: int | None = None,
        stride: int = 0,
        truncation: Truncation = "longest_first",
        truncation_side: Side = "right",
        add_special_tokens: bool = True,
        offsets: bool = False,
        threads: int = 1,
    ) -> EncodedBatch:
        """Tokenize many texts into flat arrays.

        With ``stride`` 0 a text that is too long is cut and marked in ``truncated``; with a stride every window is a
        row of its own. The answer does not depend on ``threads``; the GIL is released meanwhile. The other arguments
        are those of ``encode``.

        Raises:
            InputError: an argument or text that cannot be used, with its index.
        """
        for name, value in (("texts", texts), ("pairs", pairs)):
            if isinstance(value, (str, bytes)):
                raise InputError(f"{name} is one {type(value).__name__}, it must be a list: use encode for one text")
        if not isinstance(threads, int) or not 1 <= threads <= _MAX_THREADS:
            raise InputError(f"threads is {threads!r}, it must be 1 to {_MAX_THREADS}")
        try:
            arrays = self._core.encode_batch(
                texts,
                pairs,
                max_length,
                stride,
                _STRATEGIES[truncation],
                _FROM_LEFT[truncation_side],
                add_special_tokens,
                offsets,
                threads,
            )
        except (TypeError, KeyError) as error:
            raise _wrong_argument(
                {
                    "texts": texts,
                    "pairs": pairs,
                    "max_length": max_length,
                    "stride": stride,
                    "truncation": truncation,
                    "truncation_side": truncation_side,
                    "add_special_tokens": add_special_tokens,
                    "offsets": offsets,
                }
            ) from error
        return EncodedBatch(self._core, arrays, pairs is not None, add_special_tokens)

    @property
    def vocab_size(self) -> int:
        """Number of tokens, with added tokens."""
        return self._core.token_count

    @property
    def id_count(self) -> int:
        """One more than the largest id; more than `vocab_size` where a vocabulary repeats tokens or leaves ids out."""
        return self._core.id_count

    @property
    def lowercase(self) -> bool:
        """Whether text is lowercased."""
        return self._core.lowercase

    @property
    def continuing_prefix(self) -> str:
        """What the tokens begin with that continue a word, such as "##"."""
        return self._core.prefix

    @property
    def pad_id(self) -> int:
        """Id of the padding token."""
        return self._core.pad_id

    @property
    def unk_id(self) -> int:
        """Id of the unknown token."""
        return self._core.unk_id

    @property
    def cls_id(self) -> int:
        """Id of the token that starts a row."""
        return self._core.cls_id

    @property
    def sep_id(self) -> int:
        """Id of the token that ends a text."""
        return self._core.sep_id

    @property
    def mask_id(self) -> int | None:
        """Id of [MASK], None when the vocabulary has none."""
        return self._core.mask_id

    def token_to_id(self, token: str) -> int | None:
        """Return the id of a token, None when there is no such token."""
        if not isinstance(token, str):
            raise InputError(f"token is of type {type(token).__name__}, it must be str")
        index = self._core.find(token)
        return None if index < 0 else index

    def id_to_token(self, id: int) -> str:
        """Return the token with this id.

        Raises:
            InputError: no token has it.
        """
        if not isinstance(id, (int, np.integer)):
            raise InputError(f"id is {id!r}, it must be a whole number")
        token = self._core.token(int(id)) if abs(int(id)) < 1 << 32 else None
        if token is None:
            raise InputError(f"no token has the id {id}")
        return token

    def get_vocab(self) -> dict[str, int]:
        """Return every token with its id."""
        return {token: index for index, token in enumerate(self._core.vocabulary()) if token is not None}


def _wrong_argument(arguments: dict[str, object]) -> InputError:
    """Say which argument the core did not take."""
    for name, choices in (("truncation", _STRATEGIES), ("truncation_side", _FROM_LEFT)):
        if arguments[name] not in tuple(choices):
            return InputError(f"{name} is {arguments[name]!r}, it must be one of {', '.join(choices)}")
    for name, kind in (("max_length", int), ("stride", int), ("add_special_tokens", bool), ("offsets", bool)):
        value = arguments.get(name, False)
        if not isinstance(value, kind) and not (name == "max_length" and value is None):
            return InputError(f"{name} is {value!r}, it must be {'a whole number' if kind is int else 'True or False'}")
    for name in ("max_length", "stride"):
        value = arguments[name]
        if isinstance(value, int) and abs(value) >= 1 << 63:
            return InputError(f"{name} is too large: {value}")
    for name, wanted in (("text", "str"), ("texts", "a list of str"), ("pairs", "a list of str")):
        value = arguments.get(name, "")
        if not isinstance(value, str) and not (name == "pairs" and value is None) and not hasattr(value, "__iter__"):
            return InputError(f"{name} is of type {type(value).__name__}, it must be {wanted}")
    return InputError("the texts cannot be read: give a list of str")
