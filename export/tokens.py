"""Write the tokenizer of a bundle and prove on texts that it is the checkpoint's."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgebert.bundle import TOKENIZER
from edgebert.calibration import Sample
from edgebert.errors import TokenizerError
from edgebert.export.checkpoint import Checkpoint
from edgebert.golden import Text
from edgebert.tokenizer import Tokenizer


def write_tokenizer(checkpoint: Checkpoint, folder: Path) -> Tokenizer:
    """Write ``tokenizer.json``, ``vocab.txt`` and the mapped form that the runtime reads, and return that."""
    backend = checkpoint.tokenizer.backend_tokenizer
    (folder / "tokenizer.json").write_text(backend.to_str(pretty=False), encoding="utf-8")
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json")
    lines = [""] * tokenizer.id_count  # an id without a token is an empty line
    for token, index in tokenizer.get_vocab().items():
        lines[index] = token
    (folder / "vocab.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    tokenizer.save(folder / TOKENIZER)
    return Tokenizer.from_file(folder / TOKENIZER)


def check_tokens(tokenizer: Tokenizer, checkpoint: Checkpoint, texts: Iterable[Text]) -> None:
    """Compare ids with the checkpoint's own tokenizer.

    Raises:
        TokenizerError: they differ on a text, which would silently cost accuracy.
    """
    for text in texts:
        first, second = _parts(text)
        expected = _reference_ids(checkpoint.tokenizer.backend_tokenizer, first, second)
        found = list(tokenizer.encode(first, second).ids)
        if found != expected:
            raise TokenizerError(f"the tokenizer of {checkpoint.name} is not reproduced on {text!r}: report this text")


def samples_of(tokenizer: Tokenizer, texts: Iterable[Text], max_tokens: int) -> Iterator[Sample]:
    """Turn texts into what a graph takes, cut to the model's length."""
    for text in texts:
        encoding = tokenizer.encode(*_parts(text), max_length=max_tokens)
        yield Sample(np.array([encoding.ids], np.int32), np.array([encoding.type_ids], np.int32))


def _parts(text: Text) -> tuple[str, str | None]:
    return (text, None) if isinstance(text, str) else text


def _reference_ids(backend: Any, first: str, second: str | None) -> list[int]:  # noqa: ANN401  (tokenizers.Tokenizer)
    ids: list[int] = backend.encode(first, second).ids
    return ids
