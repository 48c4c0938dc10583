"""A lexicon as word2vec text or binary, npy or jsonl."""

import re
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edgebert.cli.outputs import json_text, opened_output
from edgebert.lexicon import Lexicon

_SPACE = re.compile(r"\s")


class LexiconFormat(str, Enum):
    """How a lexicon is written."""

    word2vec = "word2vec"
    word2vec_binary = "word2vec-binary"
    npy = "npy"
    jsonl = "jsonl"


def write_lexicon(path: Path, kind: LexiconFormat, lexicon: Lexicon, keys: Sequence[str]) -> None:
    """Write the vectors of ``keys`` in their order; npy has the keys, one a line, in a file beside it.

    Raises:
        InputError: a file cannot be written.
    """
    if kind is LexiconFormat.npy:
        with opened_output(keys_file(path)) as file:
            file.writelines(f"{written(key)}\n".encode() for key in keys)
    with opened_output(path) as file:
        _WRITERS[kind](file, lexicon, keys)


def keys_file(path: Path) -> Path:
    """Return where the keys of an npy file stand."""
    return path.with_name(f"{path.stem}.keys.txt")


def written(key: str) -> str:
    r"""Return a key without white space, which the formats take for the end of it: a space becomes \u0020."""
    return _SPACE.sub(lambda space: rf"\u{ord(space[0]):04x}", key)


def _word2vec(file: BinaryIO, lexicon: Lexicon, keys: Sequence[str]) -> None:
    file.write(f"{len(keys)} {lexicon.dimension}\n".encode())
    for key in keys:
        file.write(f"{written(key)} {' '.join(map(str, lexicon.vector(key)))}\n".encode())


def _word2vec_binary(file: BinaryIO, lexicon: Lexicon, keys: Sequence[str]) -> None:
    file.write(f"{len(keys)} {lexicon.dimension}\n".encode())
    for key in keys:
        file.write(f"{written(key)} ".encode() + lexicon.vector(key).astype("<f4").tobytes() + b"\n")


def _npy(file: BinaryIO, lexicon: Lexicon, keys: Sequence[str]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(keys), lexicon.dimension)}
    np.lib.format.write_array_header_1_0(file, header)
    for key in keys:
        file.write(lexicon.vector(key).astype("<f4").tobytes())


def _jsonl(file: BinaryIO, lexicon: Lexicon, keys: Sequence[str]) -> None:
    for key in keys:
        numbers = ", ".join(map(str, lexicon.vector(key)))
        file.write(f'{{"key": {json_text(key)}, "count": {lexicon.count(key)}, "vector": [{numbers}]}}\n'.encode())


_WRITERS: dict[LexiconFormat, Callable[[BinaryIO, Lexicon, Sequence[str]], None]] = {
    LexiconFormat.word2vec: _word2vec,
    LexiconFormat.word2vec_binary: _word2vec_binary,
    LexiconFormat.npy: _npy,
    LexiconFormat.jsonl: _jsonl,
}
