"""What every task does with texts: tokens, batches sorted by length, one answer a row, one answer a text."""

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Sequence
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

    @property
    def stride(self) -> int:
        """Tokens that neighbouring windows share: a quarter, so that words at a border are read with context."""
        return max(1, self.max_tokens // 4)

    def rows(self, texts: Sequence[str], pairs: Sequence[str] | None, long_texts: LongTexts) -> EncodedBatch:
        """Tokenize texts: one row a text ("cut"), or as many overlapping windows as a text needs ("mean", "max").

        Raises:
            InputError: ``long_texts`` is not one of the three.
        """
        if long_texts not in get_args(LongTexts):
            raise InputError(f"long_texts is {long_texts!r}: give one of {', '.join(get_args(LongTexts))}")
        return self.tokenizer.encode_batch(
            list(texts),
            None if pairs is None else list(pairs),
            max_length=self.max_tokens,
            stride=0 if long_texts == "cut" else self.stride,
            threads=self.threads,
        )


def each_row(session: Session, rows: EncodedBatch, batch_size: int, bar: ProgressBar) -> Iterator[tuple[int, Floats]]:
    """Run every row, longest first, and yield its number and its output.

    Args:
        session: the model.
        rows: token ids of each row.
        batch_size: rows given to the session at once.
        bar: told of each row done.

    Yields:
        the number of a row and its output: float32 [tokens, width] without padding, or [width].

    Raises:
        InputError: ``batch_size`` is not a whole number from 1.
        EngineError: the model gave a value that is not finite.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise InputError(f"batch_size is {batch_size!r}: give a whole number from 1")
    lengths = np.diff(rows.row_starts)
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size].tolist()
        outputs = session.run(*rows.padded(chosen))
        for row, values in zip(chosen, outputs, strict=True):
            yield row, check_finite(values[: lengths[row]] if values.ndim == 2 else values)
        bar.advance(len(chosen))


def check_finite(values: Floats) -> Floats:
    """Return the values.

    Raises:
        EngineError: one of them is NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise EngineError(
            "the model gave a value that is not a finite number: the bundle's weights are broken, export again"
        )
    return values


def run_rows(
    session: Session,
    rows: EncodedBatch,
    batch_size: int,
    answer: Callable[[Floats], Floats],
    width: int,
    bar: ProgressBar,
) -> Floats:
    """Run every row and return float32 [rows, width] in the order of the rows.

    ``answer`` makes the ``width`` numbers of a row from its output; arguments and errors are else those of `each_row`.
    """
    output = np.empty((len(rows), width), np.float32)
    for row, values in each_row(session, rows, batch_size, bar):
        output[row] = answer(values)
    return check_finite(output)


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


def warn_truncated(truncated: Flags, max_tokens: int, remedy: str = 'long_texts="mean"') -> None:
    """Tell the caller of the caller, once for all its texts."""
    if truncated.any():
        first = int(truncated.argmax())
        warnings.warn(
            f"{int(truncated.sum())} of {len(truncated)} texts are longer than {max_tokens} tokens and were cut, "
            f"the first is texts[{first}]: pass {remedy} to read all of them",
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
