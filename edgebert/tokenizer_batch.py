"""The answer of the tokenizer for many texts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgebert import _native
from edgebert.errors import InputError

_TYPE_IDS, _SPECIAL_MASK, _SEQUENCE_IDS = 0, 1, 2


class EncodedBatch:
    """Token ids of many texts in flat arrays; row ``i`` is ``input_ids[row_starts[i]:row_starts[i + 1]]``.

    Attributes:
        input_ids: int32 [tokens of all rows].
        row_starts: int64 [rows + 1].
        row_text: int64 [rows], the index of the text that a row comes from; with a stride a long text has several rows.
        truncated: bool [rows], whether the row does not hold all tokens of its text.
        offsets: int32 [tokens, 2], start and end in code points of the text (end excluded, (0, 0) for special tokens),
            or None when they were not asked for.
    """

    __slots__ = (
        "_core",
        "_first_lengths",
        "_pair",
        "_special",
        "_type_ids",
        "input_ids",
        "offsets",
        "row_starts",
        "row_text",
        "truncated",
    )

    def __init__(
        self,
        core: _native.Tokenizer,
        arrays: tuple[
            npt.NDArray[np.int32],
            npt.NDArray[np.int64],
            npt.NDArray[np.int32],
            npt.NDArray[np.uint8],
            npt.NDArray[np.int64],
            npt.NDArray[np.int32] | None,
        ],
        pair: bool,
        special: bool,
    ) -> None:
        self._core = core
        self._pair = pair
        self._special = special
        self._type_ids: npt.NDArray[np.int32] | None = None
        self.input_ids, self.row_starts, self._first_lengths, truncated, self.row_text, self.offsets = arrays
        self.truncated: npt.NDArray[np.bool_] = truncated.view(np.bool_)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.row_starts) - 1

    def __getitem__(self, row: int) -> npt.NDArray[np.int32]:
        """Return the ids of a row, a view."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of a batch with {len(self)} rows")
        row %= len(self)
        return self.input_ids[self.row_starts[row] : self.row_starts[row + 1]]

    @property
    def type_ids(self) -> npt.NDArray[np.int32]:
        """Type ids, int32 [tokens of all rows]; computed when first asked for."""
        if self._type_ids is None:
            self._type_ids = self._describe(_TYPE_IDS)
        return self._type_ids

    @property
    def special_tokens_mask(self) -> npt.NDArray[np.int32]:
        """Return 1 for special tokens and 0 for others, int32 [tokens of all rows]; computed at every call."""
        return self._describe(_SPECIAL_MASK)

    @property
    def sequence_ids(self) -> npt.NDArray[np.int32]:
        """Return 0 or 1 for the text of a token and -1 for special tokens, int32 [tokens]; computed at every call."""
        return self._describe(_SEQUENCE_IDS)

    def _describe(self, field: int) -> npt.NDArray[np.int32]:
        return self._core.describe(self.row_starts, self._first_lengths, self._pair, self._special, field)

    def padded(
        self, rows: Sequence[int] | None = None, pad_to_multiple_of: int = 1
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Return rows side by side, padded at the right to the longest of them.

        Args:
            rows: which rows, in this order; None for all.
            pad_to_multiple_of: the width is rounded up to a multiple of this.

        Returns:
            input_ids, attention_mask and token_type_ids, each int32 [rows, tokens].
        """
        if pad_to_multiple_of < 1:
            raise InputError(f"pad_to_multiple_of is {pad_to_multiple_of}, it must be 1 or more")
        chosen = np.arange(len(self)) if rows is None else np.asarray(rows, dtype=np.int64).reshape(-1)
        if chosen.size and not (0 <= chosen.min() and chosen.max() < len(self)):
            raise InputError(f"rows go from {chosen.min()} to {chosen.max()}, the batch has rows 0 to {len(self) - 1}")
        starts = self.row_starts[chosen]
        lengths = self.row_starts[chosen + 1] - starts
        width = int(lengths.max(initial=0))
        width += -width % pad_to_multiple_of
        columns = np.arange(width)
        inside = columns < lengths[:, None]  # [rows, tokens]
        places = (starts[:, None] + columns)[inside]
        input_ids = np.full(inside.shape, self._core.pad_id, dtype=np.int32)
        input_ids[inside] = self.input_ids[places]
        token_type_ids = np.zeros(inside.shape, dtype=np.int32)
        token_type_ids[inside] = self.type_ids[places]
        return input_ids, inside.astype(np.int32), token_type_ids
