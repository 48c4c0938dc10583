"""The C library through ctypes, as thin as it goes."""

import ctypes as c
import enum
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

NUL = c.c_size_t(-1).value
PLACE = Path(os.environ.get("EDGEBERT_LIBRARY", Path(__file__).parents[1] / "build/library/libedgebert.so"))


class Status(enum.IntEnum):
    OK = 0
    INVALID_ARGUMENT = 1
    IO_ERROR = 2
    BAD_BUNDLE = 3
    UNSUPPORTED = 4
    OUT_OF_MEMORY = 5
    BUFFER_TOO_SMALL = 6
    INTERNAL = 7


class Info(c.Structure):
    _fields_ = [
        ("size", c.c_size_t),
        ("name", c.c_char_p),
        ("task", c.c_char_p),
        ("precision", c.c_char_p),
        ("max_tokens", c.c_int32),
        ("vocabulary", c.c_int32),
        ("hidden", c.c_int32),
        ("output_size", c.c_int32),
    ]


class Options(c.Structure):
    _fields_ = [
        ("size", c.c_size_t),
        ("threads", c.c_int32),
        ("max_tokens", c.c_int32),
        ("arena", c.c_void_p),
        ("arena_size", c.c_size_t),
        ("path", c.c_char_p),
    ]

    def __init__(self, **values: object) -> None:
        super().__init__(**{"size": c.sizeof(Options), **values})


class Match(c.Structure):
    _fields_ = [("label", c.c_int32), ("score", c.c_float)]


class Entity(c.Structure):
    _fields_ = [("label", c.c_int32), ("score", c.c_float), ("start", c.c_size_t), ("end", c.c_size_t)]


class Span(c.Structure):
    _fields_ = [("score", c.c_float), ("start", c.c_size_t), ("end", c.c_size_t)]


_TEXT = [c.c_void_p, c.c_char_p, c.c_size_t]
_IDS = [c.c_void_p, c.c_void_p, c.c_void_p, c.c_size_t]
_OUTPUT = [c.c_void_p, c.c_size_t]
_SIGNATURES: dict[str, tuple[type | None, list[type]]] = {
    "version": (c.c_char_p, []),
    "abi": (c.c_uint32, []),
    "status_text": (c.c_char_p, [c.c_int]),
    "model_open": (c.c_int, [c.c_char_p, c.c_void_p, c.c_char_p, c.c_size_t]),
    "model_from_memory": (c.c_int, [c.c_void_p, c.c_size_t, c.c_void_p, c.c_char_p, c.c_size_t]),
    "model_verify": (c.c_int, [c.c_void_p, c.c_char_p, c.c_size_t]),
    "model_info": (c.c_int, [c.c_void_p, c.c_void_p]),
    "model_label": (c.c_char_p, [c.c_void_p, c.c_int32]),
    "model_free": (None, [c.c_void_p]),
    "session_size": (c.c_size_t, [c.c_void_p, c.c_void_p]),
    "session_new": (c.c_int, [c.c_void_p, c.c_void_p, c.c_void_p]),
    "session_error": (c.c_char_p, [c.c_void_p]),
    "session_path": (c.c_char_p, [c.c_void_p]),
    "session_free": (None, [c.c_void_p]),
    "tokenize": (c.c_int, [*_TEXT, *_TEXT[1:], c.c_void_p, c.c_void_p, c.c_size_t, c.c_void_p, c.c_void_p]),
    "embed": (c.c_int, [*_TEXT, *_OUTPUT, c.c_void_p]),
    "classify": (c.c_int, [*_TEXT, *_OUTPUT, c.c_void_p]),
    "classify_top": (c.c_int, [*_TEXT, *_OUTPUT, c.c_void_p, c.c_void_p]),
    "tag": (c.c_int, [*_TEXT, c.c_int, *_OUTPUT, c.c_void_p, c.c_void_p]),
    "answer": (c.c_int, [*_TEXT, *_TEXT[1:], c.c_int32, *_OUTPUT, c.c_void_p, c.c_void_p, c.c_void_p]),
    "embed_ids": (c.c_int, [*_IDS, *_OUTPUT]),
    "classify_ids": (c.c_int, [*_IDS, *_OUTPUT]),
    "run": (c.c_int, [*_IDS, *_OUTPUT]),
}


class Library:
    """The functions of edgebert.h by their names without the prefix."""

    def __init__(self, path: Path) -> None:
        loaded = c.CDLL(str(path))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(loaded, f"edgebert_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def open(self, path: Path) -> "tuple[Status, c.c_void_p, str]":
        model, why = c.c_void_p(), c.create_string_buffer(256)
        status = self.model_open(os.fsencode(path), c.byref(model), why, len(why))
        return Status(status), model, why.value.decode()

    def from_memory(self, content: npt.NDArray[np.uint8]) -> "tuple[Status, c.c_void_p, str]":
        model, why = c.c_void_p(), c.create_string_buffer(256)
        status = self.model_from_memory(content.ctypes.data, len(content), c.byref(model), why, len(why))
        return Status(status), model, why.value.decode()

    def session(self, model: c.c_void_p, options: Options | None = None) -> "tuple[Status, c.c_void_p]":
        session = c.c_void_p()
        status = self.session_new(model, c.byref(options) if options else None, c.byref(session))
        return Status(status), session

    def tokens(
        self, session: c.c_void_p, text: bytes, pair: bytes | None = None, capacity: int = 64
    ) -> "tuple[Status, npt.NDArray[np.int32], npt.NDArray[np.int32], int, bool]":
        """Status, ids, type ids, needed count and whether the text was cut."""
        ids, types = np.full(capacity, -1, np.int32), np.full(capacity, -1, np.int32)
        count, cut = c.c_size_t(), c.c_int32(-1)
        status = self.tokenize(
            session,
            text,
            len(text),
            pair,
            0 if pair is None else len(pair),
            ids.ctypes.data,
            types.ctypes.data,
            capacity,
            c.byref(count),
            c.byref(cut),
        )
        return Status(status), ids[: count.value], types[: count.value], count.value, bool(cut.value)

    def entities(
        self, session: c.c_void_p, text: bytes, grouping: int, capacity: int = 256
    ) -> "tuple[Status, list[Entity], int, bool]":
        """Status, entities, how many there are and whether the text was cut."""
        found, count, cut = (Entity * capacity)(), c.c_size_t(99), c.c_int32(-1)
        status = self.tag(session, text, len(text), grouping, found, capacity, c.byref(count), c.byref(cut))
        return Status(status), list(found)[: count.value], count.value, bool(cut.value)

    def spans(
        self, session: c.c_void_p, question: bytes, context: bytes, capacity: int = 5, longest: int = 0
    ) -> "tuple[Status, list[Span], float, bool]":
        """Status, the best answers, the probability of none and whether the context was cut."""
        found, count, none, cut = (Span * capacity)(), c.c_size_t(), c.c_float(-1), c.c_int32(-1)
        texts = (question, len(question), context, len(context))
        outputs = (found, capacity, c.byref(count), c.byref(none), c.byref(cut))
        status = self.answer(session, *texts, longest, *outputs)
        return Status(status), list(found)[: count.value], none.value, bool(cut.value)

    def answer_of(
        self, task: str, session: c.c_void_p, text: bytes, width: int
    ) -> "tuple[Status, npt.NDArray[np.float32], bool]":
        """Status, answer and whether the text was cut."""
        output, cut = np.zeros(width, np.float32), c.c_int32(-1)
        status = getattr(self, task)(session, text, len(text), output.ctypes.data, width, c.byref(cut))
        return Status(status), output, bool(cut.value)


def aligned(content: bytes, shift: int = 0) -> npt.NDArray[np.uint8]:
    """The bytes in memory, ``shift`` bytes after a multiple of 64."""
    memory = np.empty(len(content) + 128, np.uint8)
    start = -memory.ctypes.data % 64 + shift
    view = memory[start : start + len(content)]
    view[:] = np.frombuffer(content, np.uint8)
    return view


def load() -> Library:
    if not PLACE.exists():
        pytest.skip(f"the C library is not built: make library, or set EDGEBERT_LIBRARY (looked for {PLACE})")
    return Library(PLACE)
