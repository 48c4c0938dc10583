"""Whatever goes wrong in the C library is a status and a message."""

import ctypes as c
import os
import re
from collections.abc import Iterator
from pathlib import Path

import c_library
import c_models
import engine_models
import numpy as np
import pytest
from c_library import Info, Library, Match, Options, Status

HIDDEN = 64


@pytest.fixture(scope="module")
def library() -> Library:
    return c_library.load()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return c_models.whole_file(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def model(library: Library, good: bytes) -> Iterator[c.c_void_p]:
    content = c_library.aligned(good)
    _, model, _ = library.from_memory(content)
    yield model
    library.model_free(model)


@pytest.fixture
def session(library: Library, model: c.c_void_p) -> Iterator[c.c_void_p]:
    _, session = library.session(model)
    yield session
    library.session_free(session)


def refused(library: Library, content: bytes) -> tuple[Status, str]:
    status, model, why = library.from_memory(c_library.aligned(content))
    assert model.value is None and "\n" not in why and why
    return status, why


def changed(good: bytes, setting: str, value: str) -> bytes:
    """A sealed file with another value of the same length."""
    old = re.search(rb'"%s":"([^"]*)"' % setting.encode(), good)
    new = old[0].replace(old[1], value.encode())
    assert len(new) == len(old[0])
    return engine_models.seal(good.replace(old[0], new))


def test_null_pointers(library: Library, model: c.c_void_p, session: c.c_void_p, good: bytes) -> None:
    out, count, content = c.c_void_p(1), c.c_size_t(), c_library.aligned(good)
    place, numbers = c.byref(out), np.zeros(HIDDEN, np.float32).ctypes.data
    ids = np.zeros(4, np.int32).ctypes.data
    calls = {
        "model_open": [(None, place, None, 0), (b"x", None, None, 0)],
        "model_from_memory": [(None, 9, place, None, 0), (content.ctypes.data, len(content), None, None, 0)],
        "model_verify": [(None, None, 0)],
        "model_info": [(None, c.byref(Info(size=c.sizeof(Info)))), (model, None)],
        "session_new": [(None, None, place), (model, None, None)],
        "tokenize": [
            (None, b"a", 1, None, 0, ids, None, 4, c.byref(count), None),
            (session, None, 1, None, 0, ids, None, 4, c.byref(count), None),
            (session, b"a", 1, None, 0, None, None, 4, c.byref(count), None),
            (session, b"a", 1, None, 0, ids, None, 4, None, None),
        ],
        "embed": [
            (None, b"a", 1, numbers, HIDDEN, None),
            (session, None, 1, numbers, HIDDEN, None),
            (session, b"a", 1, None, HIDDEN, None),
        ],
        "classify": [(None, b"a", 1, numbers, HIDDEN, None)],
        "classify_top": [(None, b"a", 1, None, 0, c.byref(count), None)],
        "embed_ids": [(None, ids, None, 2, numbers, HIDDEN), (session, None, None, 2, numbers, HIDDEN)],
        "classify_ids": [(None, ids, None, 2, numbers, HIDDEN)],
        "run": [(None, ids, None, 1, numbers, HIDDEN), (session, None, None, 1, numbers, HIDDEN)],
    }
    for name, arguments in calls.items():
        for values in arguments:
            assert getattr(library, name)(*values) == Status.INVALID_ARGUMENT, (name, values)
    assert out.value is None
    assert library.session_size(None, None) == 0
    assert library.model_label(None, 0) is None
    assert library.session_error(None) == library.session_path(None) == b""
    library.model_free(None)
    library.session_free(None)


def test_errors_are_told_and_forgotten(library: Library, session: c.c_void_p) -> None:
    numbers = np.zeros(HIDDEN, np.float32)
    short = (session, b"a", 1, numbers.ctypes.data, HIDDEN - 1, None)
    assert library.embed(*short) == Status.BUFFER_TOO_SMALL
    assert library.session_error(session) == b"the output has 64 floats, the buffer room for 63"
    assert library.classify(*short) == Status.INVALID_ARGUMENT
    assert library.session_error(session) == b"the model's task is embed"
    assert library.answer_of("embed", session, b"a", HIDDEN)[0] is Status.OK
    assert library.session_error(session) == b""


def test_too_small_a_buffer_tells_what_it_needs(library: Library, session: c.c_void_p) -> None:
    status, _, _, count, _ = library.tokens(session, b"turn on the light", capacity=5)
    assert (status, count) == (Status.BUFFER_TOO_SMALL, 6)
    assert library.session_error(session) == b"the text has 6 ids, the buffer room for 5"
    status, ids, _, count, _ = library.tokens(session, b"turn on the light", capacity=6)
    assert (status, count, (ids >= 0).all()) == (Status.OK, 6, True)
    best, needed = Match(), c.c_size_t()
    assert library.classify_top(session, b"a", 1, c.byref(best), 1, c.byref(needed), None) == Status.INVALID_ARGUMENT


@pytest.mark.parametrize("ids", [[-1], [10_000], [2**31 - 1], [], [1] * (c_models.MAX_TOKENS + 1)])
def test_impossible_ids(library: Library, session: c.c_void_p, ids: list[int]) -> None:
    array, output = np.array([*ids, 0], np.int32), np.zeros(HIDDEN * (len(ids) + 1), np.float32)
    for function in (library.embed_ids, library.run):
        status = function(session, array.ctypes.data, None, len(ids), output.ctypes.data, len(output))
        assert status == Status.INVALID_ARGUMENT
        assert library.session_error(session)


def test_impossible_type_ids_and_short_output(library: Library, session: c.c_void_p) -> None:
    ids, types, output = np.ones(2, np.int32), np.array([0, 2], np.int32), np.zeros(2 * HIDDEN, np.float32)
    pointers = (session, ids.ctypes.data, types.ctypes.data, 2, output.ctypes.data)
    assert library.run(*pointers, len(output)) == Status.INVALID_ARGUMENT
    assert library.run(*pointers, len(output) - 1) == Status.BUFFER_TOO_SMALL


@pytest.mark.parametrize("text", [b"\xff\xfe turn", b"turn \xed\xa0\x80 on", b"\xf0\x9f", bytes(range(256))])
def test_invalid_utf8_is_read_as_replaced(library: Library, session: c.c_void_p, text: bytes) -> None:
    clean = text.decode("utf-8", "replace").encode()
    assert library.tokens(session, text)[1].tolist() == library.tokens(session, clean)[1].tolist()
    assert library.answer_of("embed", session, text, HIDDEN)[0] is Status.OK


@pytest.mark.parametrize("part", ["light ", "x", " ", "中", "é", "́", "〮〯", "e\u0301\u0323", ".", "\x00"])
def test_megabyte_texts_are_cut(library: Library, session: c.c_void_p, part: str, tmp_path: Path) -> None:
    text = part * (1_000_000 // len(part.encode()))
    expected = c_models.tokenizer(tmp_path).encode(text, max_length=c_models.MAX_TOKENS)
    status, ids, _, _, cut = library.tokens(session, text.encode())
    assert (status, ids.tolist(), cut) == (Status.OK, expected.ids, expected.truncated)
    pair = c_models.tokenizer(tmp_path).encode("turn on", text, max_length=c_models.MAX_TOKENS)
    assert library.tokens(session, b"turn on", text.encode())[1].tolist() == pair.ids


@pytest.mark.parametrize(
    "values",
    [
        {"threads": -1},
        {"threads": 257},
        {"max_tokens": -1},
        {"max_tokens": 1},
        {"max_tokens": c_models.MAX_TOKENS + 1},
        {"size": 0},
        {"size": c.sizeof(Options) - 1},
    ],
)
def test_impossible_options(library: Library, model: c.c_void_p, values: dict[str, int]) -> None:
    options = Options(**values)
    assert library.session(model, options)[0] is Status.INVALID_ARGUMENT
    assert library.session_size(model, c.byref(options)) == 0


def test_an_unknown_cpu_path(library: Library, model: c.c_void_p) -> None:
    assert library.session(model, Options(path=b"abacus"))[0] is Status.INVALID_ARGUMENT


def test_options_of_a_newer_caller(library: Library, model: c.c_void_p) -> None:
    class Newer(c.Structure):
        _fields_ = [("known", Options), ("more", c.c_int64)]

    for more, wanted in ((0, Status.OK), (1, Status.UNSUPPORTED)):
        options, session = Newer(Options(size=c.sizeof(Newer)), more), c.c_void_p()
        assert library.session_new(model, c.byref(options), c.byref(session)) == wanted
        library.session_free(session)
    info = Info(size=c.sizeof(Info) - 1)
    assert library.model_info(model, c.byref(info)) == Status.INVALID_ARGUMENT


def test_arenas_must_fit(library: Library, model: c.c_void_p) -> None:
    needed = library.session_size(model, None)
    for shift, size, wanted in ((0, 0, Status.OK), (0, -1, Status.OUT_OF_MEMORY), (8, 0, Status.INVALID_ARGUMENT)):
        memory = c_library.aligned(bytes(needed + size), shift)
        status, session = library.session(model, Options(arena=memory.ctypes.data, arena_size=len(memory)))
        assert status is wanted
        library.session_free(session)
    assert library.session_size(model, c.byref(Options(max_tokens=8))) < needed


def test_misaligned_memory(library: Library, good: bytes) -> None:
    status, model, why = library.from_memory(c_library.aligned(good, shift=32))
    assert (status, model.value) == (Status.INVALID_ARGUMENT, None)
    assert why == "the memory of the model is not aligned to 64 bytes"


def test_files_that_cannot_be_opened(library: Library, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with (tmp_path / "huge").open("wb") as file:
        os.truncate(file.fileno(), 2**35)
    for name in ("missing", "empty", "."):
        status, model, why = library.open(tmp_path / name)
        assert (status, model.value) == (Status.IO_ERROR, None)
        assert why.startswith(str(tmp_path / name) + ": ")
    assert library.open(tmp_path / "huge")[0] is Status.BAD_BUNDLE


def test_cut_files(library: Library, good: bytes, tmp_path: Path) -> None:
    lengths = {*range(1, 70), *range(70, len(good), len(good) // 300), *range(len(good) - 70, len(good))}
    for length in sorted(lengths):
        assert refused(library, good[:length])[0] is Status.BAD_BUNDLE, length
    (tmp_path / "cut").write_bytes(good[:-1])
    status, _, why = library.open(tmp_path / "cut")
    assert status is Status.BAD_BUNDLE and why.startswith(str(tmp_path / "cut") + ": ")
    assert refused(library, good + b"\0")[0] is Status.BAD_BUNDLE


def test_flipped_bits(library: Library, good: bytes) -> None:
    generator = np.random.default_rng(3)
    header = int.from_bytes(good[:8], "little")
    for place in [*range(8), *generator.integers(8, header, 100), *generator.integers(header, len(good), 100)]:
        content = bytearray(good)
        content[place] ^= 1 << generator.integers(8)
        assert refused(library, bytes(content))[0] in (Status.BAD_BUNDLE, Status.UNSUPPORTED), place


def test_newer_files(library: Library, good: bytes) -> None:
    for setting in ("edgebert.format", "tokenizer.format"):
        status, why = refused(library, changed(good, setting, "2"))
        assert status is Status.UNSUPPORTED
        assert "format 2" in why


def test_a_vocabulary_larger_than_the_embeddings(library: Library, tmp_path: Path) -> None:
    content = c_models.whole_file(tmp_path, extra_ids=1)
    status, why = refused(library, content)
    assert status is Status.BAD_BUNDLE
    assert "more than the" in why


def test_other_golden_answers(library: Library, tmp_path: Path) -> None:
    why = c.create_string_buffer(256)
    for name, wanted in (("golden.outputs", Status.INTERNAL), ("golden.input_ids", Status.INTERNAL)):
        content = c_library.aligned(c_models.whole_file(tmp_path, damaged=name))
        _, model, _ = library.from_memory(content)
        assert library.model_verify(model, why, len(why)) == wanted
        assert b"golden text 0" in why.value
        library.model_free(model)
    content = c_library.aligned(c_models.whole_file(tmp_path, left_out="golden.texts"))
    _, model, _ = library.from_memory(content)
    assert library.model_verify(model, why, 12) == Status.BAD_BUNDLE
    assert why.value == b"the file ha"
    library.model_free(model)
