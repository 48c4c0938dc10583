"""The output of a model for every token of a text, however long the text is."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from edgebert.batching import Flags, Reader, each_row
from edgebert.engines import Floats, Ids, Session
from edgebert.errors import InputError
from edgebert.progress import ProgressBar
from edgebert.tokenizer import EncodedBatch

LongTokens = Literal["windows", "cut"]


@dataclasses.dataclass(frozen=True)
class TokenOutputs:
    """The tokens of a text, special tokens left out, with what the model gave for each.

    Attributes:
        ids: int32 [tokens].
        offsets: int32 [tokens, 2], start and end in code points of the text, end excluded.
        outputs: float32 [tokens, width].
        truncated: whether tokens at the end of the text are missing.
    """

    ids: Ids
    offsets: Ids
    outputs: Floats
    truncated: bool


def read_tokens(
    session: Session, reader: Reader, texts: Sequence[str], batch_size: int, long_texts: LongTokens, shown: bool
) -> list[TokenOutputs]:
    """Run texts through a model that has an output for each token.

    A text that is longer than the model takes is read in overlapping windows, and a token has the output of the window
    that shows more of the text around it; with "cut" its end is not read.

    Raises:
        InputError: ``long_texts`` or ``batch_size`` cannot be used.
        EngineError: the engine failed.
    """
    if long_texts not in get_args(LongTokens):
        raise InputError(f"long_texts is {long_texts!r}: give one of {', '.join(get_args(LongTokens))}")
    stride = 0 if long_texts == "cut" else reader.stride
    rows = reader.tokenizer.encode_batch(
        list(texts), max_length=reader.max_tokens, stride=stride, offsets=True, threads=reader.threads
    )
    outputs: list[Floats] = [np.empty((0, 0), np.float32)] * len(rows)
    with ProgressBar(len(rows), "texts", shown) as bar:
        for row, values in each_row(session, rows, batch_size, bar):
            outputs[row] = values
    truncated = np.asarray(rows.truncated, np.bool_) if long_texts == "cut" else np.zeros(len(rows), np.bool_)
    return list(_joined(rows, outputs, stride, truncated))


def _joined(rows: EncodedBatch, outputs: list[Floats], stride: int, truncated: Flags) -> Iterator[TokenOutputs]:
    """Yield the tokens of each text, every one of them once."""
    offsets = rows.offsets if rows.offsets is not None else np.empty((0, 2), np.int32)
    special = rows.special_tokens_mask
    texts = int(rows.row_text[-1]) + 1 if len(rows) else 0
    firsts = np.searchsorted(rows.row_text, np.arange(texts + 1)).tolist()
    for first, end in itertools.pairwise(firsts):
        ids, places, values = [], [], []
        for row in range(first, end):
            start = int(rows.row_starts[row])
            own = np.flatnonzero(special[start : int(rows.row_starts[row + 1])] == 0)
            own = _nearest(own, stride, row == first, row == end - 1)
            ids.append(rows.input_ids[start + own])
            places.append(offsets[start + own])
            values.append(outputs[row][own])
        yield TokenOutputs(np.concatenate(ids), np.concatenate(places), np.concatenate(values), bool(truncated[first]))


def _nearest(own: npt.NDArray[np.intp], stride: int, is_first: bool, is_last: bool) -> npt.NDArray[np.intp]:
    """Return the tokens of a window that are its own: what it shares with a neighbour is split in the middle."""
    before = 0 if is_first else stride // 2
    after = 0 if is_last else stride - stride // 2
    return own[before : len(own) - after]
