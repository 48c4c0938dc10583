"""The C++ core of edgebert."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_Int32 = npt.NDArray[np.int32]
_Int64 = npt.NDArray[np.int64]
_Float32 = npt.NDArray[np.float32]

def compile_tokenizer(tokens: list[str | None], added: list[tuple[int, int]], settings: dict[str, str]) -> bytes: ...

class Encoding:
    """The tokens of one text or pair of texts."""

    def __len__(self) -> int: ...
    @property
    def ids(self) -> list[int]: ...
    @property
    def type_ids(self) -> list[int]: ...
    @property
    def attention_mask(self) -> list[int]: ...
    @property
    def special_tokens_mask(self) -> list[int]: ...
    @property
    def sequence_ids(self) -> list[int | None]: ...
    @property
    def word_ids(self) -> list[int | None]: ...
    @property
    def offsets(self) -> list[tuple[int, int]]: ...
    @property
    def tokens(self) -> list[str]: ...
    @property
    def truncated(self) -> bool: ...
    @property
    def overflowing(self) -> list[Encoding]: ...

class Tokenizer:
    """A compiled tokenizer."""

    @staticmethod
    def open(path: bytes) -> Tokenizer: ...
    @staticmethod
    def from_bytes(data: bytes) -> Tokenizer: ...
    def encode(
        self,
        text: str,
        pair: str | None,
        max_length: int | None,
        stride: int,
        strategy: int,
        from_left: bool,
        add_special_tokens: bool,
        /,
    ) -> Encoding: ...
    def encode_batch(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None,
        max_length: int | None,
        stride: int,
        strategy: int,
        from_left: bool,
        add_special_tokens: bool,
        offsets: bool,
        threads: int,
        /,
    ) -> tuple[_Int32, _Int64, _Int32, npt.NDArray[np.uint8], _Int64, _Int32 | None]: ...
    def describe(
        self, row_starts: _Int64, first_lengths: _Int32, pair: bool, add_special_tokens: bool, field: int, /
    ) -> _Int32: ...
    def vocabulary(self) -> list[str | None]: ...
    def find(self, token: str, /) -> int: ...
    def token(self, id: int, /) -> str | None: ...
    def file_bytes(self) -> bytes: ...
    @property
    def id_count(self) -> int: ...
    @property
    def token_count(self) -> int: ...
    @property
    def lowercase(self) -> bool: ...
    @property
    def prefix(self) -> str: ...
    @property
    def pad_id(self) -> int: ...
    @property
    def unk_id(self) -> int: ...
    @property
    def cls_id(self) -> int: ...
    @property
    def sep_id(self) -> int: ...
    @property
    def mask_id(self) -> int | None: ...

class Model:
    """A model.edgebert file, mapped and checked; raises `edgebert.errors.BundleError` for one that is broken."""

    @staticmethod
    def open(path: bytes, /) -> Model: ...
    @property
    def metadata(self) -> dict[str, str]: ...
    @property
    def output_size(self) -> int: ...
    def embeddings(self, ids: _Int32) -> _Float32:
        """Rows of the table of word embeddings [ids, hidden]; ids: int32 [ids]."""

    def session(self, threads: int, max_tokens: int = 0, path: str | None = None) -> Session: ...

class Session:
    """One thread at a time; the GIL is released while it computes."""

    @property
    def path(self) -> str: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def arena_bytes(self) -> int: ...
    def run(self, input_ids: _Int32, lengths: _Int64, token_type_ids: _Int32 | None = None) -> _Float32:
        """Token vectors or logits [batch, tokens, hidden or labels or 2], zeros at padding, or logits [batch, labels].

        input_ids and token_type_ids: int32 [batch, tokens]; lengths: int64 [batch], tokens of each row.
        """
    def answer(self, input_ids: _Int32, lengths: _Int64, token_type_ids: _Int32 | None = None) -> _Float32:
        """Vectors [batch, hidden], scores [batch, labels] or [batch, tokens, labels], or logits [batch, tokens, 2]."""

def cpu_paths() -> list[str]: ...
def pack_int8(weight: npt.NDArray[np.int8], /) -> npt.NDArray[np.int8]:
    """[outputs, inputs] to [ceil(outputs / 16), ceil(inputs / 4), 16, 4], zeros in the gaps."""

def pack_fp32(weight: _Float32, /) -> _Float32:
    """[outputs, inputs] to [ceil(outputs / 16), inputs, 16], zeros in the gaps."""

def crc32c(data: bytes, /) -> int:
    """The CRC-32C of bytes, as in a model file's `edgebert.crc32c`."""
