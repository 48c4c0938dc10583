"""What every task does with texts: tokens, batches sorted by length, one answer a row, one answer a text."""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from edgebert.engines import Floats, Session
from edgebert.errors import EngineError, InputError
from edgebert.pooling import pool
from edgebert.progress import ProgressBar
from edgebert.tokenizer import EncodedBatch, Tokenizer

Flags = npt.NDArray[np.bool_]
LongTexts = Literal["cut", "mean", "max"]


class TruncationWarning(UserWarning):
    """Texts were longer than the model takes and were cut; the answers are about their beginnings."""


@dataclasses.dataclass(frozen=True)
class Reader:
    """Turns texts into token rows that a model takes."""

    tokenizer: Tokenizer
    max_tokens: int
    threads: int

    def rows(self, texts: Sequence[str], pairs: Sequence[str] | None, long_texts: LongTexts) -> EncodedBatch:
        """Tokenize texts: one row a text ("cut"), or as many overlapping windows as a text needs ("mean", "max").

        Raises:
            InputError: ``long_texts`` is not one of the three.
        """
        if long_texts not in get_args(LongTexts):
            raise InputError(f"long_texts is {long_texts!r}: give one of {', '.join(get_args(LongTexts))}")
        # a quarter of overlap lets words at the border of a window be read with context
        stride = 0 if long_texts == "cut" else max(1, self.max_tokens // 4)
        return self.tokenizer.encode_batch(
            list(texts),
            None if pairs is None else list(pairs),
            max_length=self.max_tokens,
            stride=stride,
            threads=self.threads,
        )


def run_rows(
    session: Session,
    rows: EncodedBatch,
    batch_size: int,
    answer: Callable[[Floats], Floats],
    width: int,
    bar: ProgressBar,
) -> Floats:
    """Run every row, longest first, and return float32 [rows, width] in the order of the rows.

    Args:
        session: the model.
        rows: token ids of each row.
        batch_size: rows given to the session at once.
        answer: what becomes of the output of a row: token vectors [tokens, hidden] without padding, or logits [labels].
        width: length of an answer.
        bar: told of each row done.

    Raises:
        InputError: ``batch_size`` is not a whole number from 1.
        EngineError: the model gave a value that is not finite.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise InputError(f"batch_size is {batch_size!r}: give a whole number from 1")
    lengths = np.diff(rows.row_starts)
    order = np.argsort(-lengths, kind="stable")
    output = np.empty((len(rows), width), np.float32)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        outputs = session.run(*rows.padded(chosen.tolist()))
        for row, values in zip(chosen, outputs, strict=True):
            output[row] = answer(values[: lengths[row]] if values.ndim == 2 else values)
        bar.advance(len(chosen))
    if not np.isfinite(output).all():
        raise EngineError(
            "the model gave a value that is not a finite number: the bundle's weights are broken, export again"
        )
    return output


def join_windows(values: Floats, rows: EncodedBatch, texts: int, long_texts: LongTexts) -> Floats:
    """Pool the answers of the windows of each text: float32 [rows, width] to [texts, width]."""
    if len(rows) == texts:
        return values
    starts = np.searchsorted(rows.row_text, np.arange(texts + 1))
    return np.stack([pool(values[starts[text] : starts[text + 1]], long_texts) for text in range(texts)])


def truncated_texts(rows: EncodedBatch, texts: int, long_texts: LongTexts) -> Flags:
    """Say of each text whether a part of it was not read, bool [texts]; windows read everything."""
    if long_texts != "cut":
        return np.zeros(texts, np.bool_)
    return np.asarray(rows.truncated, np.bool_)


def warn_truncated(truncated: Flags, max_tokens: int) -> None:
    """Tell the caller of the caller, once for all its texts."""
    if truncated.any():
        first = int(truncated.argmax())
        warnings.warn(
            f"{int(truncated.sum())} of {len(truncated)} texts are longer than {max_tokens} tokens and were cut, "
            f'the first is texts[{first}]: pass long_texts="mean" to read all of them',
            TruncationWarning,
            stacklevel=3,
        )


def check_texts(texts: object) -> list[str]:
    """Return the texts as a list of str.

    Raises:
        InputError: it is not a sequence, or an entry is not a str.
    """
    if not isinstance(texts, Sequence) or isinstance(texts, (bytes, bytearray)):
        raise InputError(f"texts is of type {type(texts).__name__}: give a str or a list of str")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"texts[{index}] is of type {type(text).__name__}: give str")
    return list(texts)
