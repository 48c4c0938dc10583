"""Checks on the arrays that a caller gives to a session."""

import numpy as np

from edgebert.engines import Ids
from edgebert.errors import InputError


def check_arrays(
    input_ids: Ids, attention_mask: Ids, token_type_ids: Ids | None, vocabulary: int, max_tokens: int
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Check what `Session.run` was given and return the number of tokens of each row, [batch].

    Raises:
        InputError: see `Session.run`.
    """
    _check_shape("input_ids", input_ids, None)
    if input_ids.size == 0:
        raise InputError(f"input_ids has shape {list(input_ids.shape)}: give at least one row with one token")
    _check_shape("attention_mask", attention_mask, input_ids.shape)
    if token_type_ids is not None:
        _check_shape("token_type_ids", token_type_ids, input_ids.shape)
        _check_range("token_type_ids", token_type_ids, 2)
    _check_range("input_ids", input_ids, vocabulary)
    _check_range("attention_mask", attention_mask, 2)
    lengths: np.ndarray[tuple[int], np.dtype[np.intp]] = attention_mask.sum(axis=1, dtype=np.intp)
    if lengths.min() == 0:
        raise InputError(f"row {int(lengths.argmin())} of attention_mask has no token: every row needs at least one")
    if lengths.max() > max_tokens:
        raise InputError(
            f"row {int(lengths.argmax())} has {int(lengths.max())} tokens, the model takes {max_tokens}: cut it"
        )
    if (attention_mask[:, :-1] < attention_mask[:, 1:]).any():
        raise InputError("attention_mask has a zero before a one: put the padding at the end of each row")
    return lengths


def _check_shape(name: str, array: Ids, shape: tuple[int, ...] | None) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.int32 or array.ndim != 2:
        found = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
        raise InputError(f"{name} must be an int32 array [batch, tokens], not {found}")
    if shape is not None and array.shape != shape:
        raise InputError(f"{name} has shape {list(array.shape)}, input_ids has {list(shape)}: they must be equal")


def _check_range(name: str, array: Ids, end: int) -> None:
    if array.size and (int(array.min()) < 0 or int(array.max()) >= end):
        wrong = array[(array < 0) | (array >= end)][0]
        raise InputError(f"{name} holds {int(wrong)}, it must be from 0 to {end - 1}")
