"""Take what a task needs out of a row, or say in one line what is wrong with the row."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from edgebert.accuracy.columns import pair_columns
from edgebert.errors import InputError
from edgebert.lines import Row
from edgebert.texts import text_in

Text = tuple[str, str | None]

_T = TypeVar("_T")


def text_of(row: Row) -> Text:
    """Return the text of a row, or its pair of texts, see `pair_columns`.

    Raises:
        InputError: there is none, or it is empty.
    """
    names = pair_columns(row)
    if names is None:
        return filled(row, "text"), None
    return filled(row, names[0]), filled(row, names[1])


def filled(row: Row, column: str) -> str:
    """Return a text that holds more than white space."""
    text = text_in(row, column)
    if not text.strip():
        raise InputError(f"{row.where}: column {column!r} is empty: remove the row")
    return text


def label_of(row: Row, value: object, column: str) -> str:
    """Return a label as a text; whole numbers are labels too."""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise InputError(f"{row.where}: column {column!r} is {repr(value)[:60]}: a label is a text or a whole number")
    return str(value)


def chunked(items: Iterator[_T], size: int = 512) -> Iterator[list[_T]]:
    """Yield the items in lists, as a tokenizer is fastest with."""
    while chunk := list(itertools.islice(items, size)):
        yield chunk


def encode_texts(tokenizer: Any, texts: Sequence[Text], max_tokens: int) -> Any:  # noqa: ANN401  (a BatchEncoding)
    """Encode texts or pairs, cut to ``max_tokens``."""
    plain: Any = [first if second is None else (first, second) for first, second in texts]
    return tokenizer(plain, truncation=True, max_length=max_tokens, return_token_type_ids=True)
