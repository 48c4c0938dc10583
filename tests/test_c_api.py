"""The C library gives what Python gives, to the last bit."""

import ctypes as c
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import c_library
import c_models
import numpy as np
import pytest
from c_library import Info, Library, Match, Options, Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgebert
from edgebert import _native
from edgebert.tokenizer import Tokenizer

HEADER = Path(__file__).parents[1] / "edgebert/native/include/edgebert.h"
LABELS = 5
HIDDEN = 64
TEXTS = ("turn on the light", "", "play music!", "what is 中文, Émile?", "stop " * 40, "\x00 volume\tup")


class Opened:
    """A model file opened by the C library and by Python."""

    def __init__(self, library: Library, path: Path) -> None:
        self.library, self.path = library, path
        status, self.model, why = library.open(path)
        assert (status, why) == (Status.OK, "")
        status, self.session = library.session(self.model)
        assert status is Status.OK
        self.python = _native.Model.open(str(path).encode()).session(1)

    def close(self) -> None:
        self.library.session_free(self.session)
        self.library.model_free(self.model)

    def expected(self, ids: np.ndarray) -> np.ndarray:
        return self.python.answer(ids[None], np.array([len(ids)]))[0]


@pytest.fixture(scope="module")
def library() -> Library:
    return c_library.load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c")


@pytest.fixture(scope="module")
def words(folder: Path) -> Tokenizer:
    return c_models.tokenizer(folder)


@pytest.fixture(scope="module")
def encoder(library: Library, folder: Path) -> Iterator[Opened]:
    path = folder / "embed.edgebert"
    path.write_bytes(c_models.whole_file(folder))
    opened = Opened(library, path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def classifier(library: Library, folder: Path) -> Iterator[Opened]:
    path = folder / "classify.edgebert"
    path.write_bytes(c_models.whole_file(folder, labels=LABELS, precision="fp32"))
    opened = Opened(library, path)
    yield opened
    opened.close()


def test_versions_agree(library: Library) -> None:
    header = HEADER.read_text()
    assert library.version().decode() == edgebert.__version__
    assert f'EDGEBERT_VERSION "{edgebert.__version__}"' in header
    assert int(re.search(r"EDGEBERT_ABI (\d+)", header)[1]) == library.abi()
    assert [library.status_text(status) for status in (0, 7, 8, -1)] == [
        b"ok",
        b"internal error",
        b"unknown status",
        b"unknown status",
    ]


def test_every_declared_function_is_exported(library: Library) -> None:
    declared = set(re.findall(r"\bedgebert_(\w+)\(", HEADER.read_text().split('extern "C"')[1]))
    assert declared == set(c_library._SIGNATURES)


def test_the_headers_example_runs(library: Library, encoder: Opened, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    comment = re.search(r"#include <edgebert.h>.*? \* Ownership", HEADER.read_text(), re.DOTALL)[0]
    lines = [line.removeprefix(" *").removeprefix("     ") for line in comment.splitlines()[:-1]]
    (tmp_path / "main.c").write_text("\n".join(lines) + "\n")
    (tmp_path / "model.edgebert").write_bytes(encoder.path.read_bytes())
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{HEADER.parent}"]
    linked = [str(c_library.PLACE), f"-Wl,-rpath,{c_library.PLACE.parent}"]
    subprocess.run([compiler, *strict, "main.c", *linked, "-o", "main"], cwd=tmp_path, check=True)
    printed = subprocess.run(["./main"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    _, vector, _ = library.answer_of("embed", encoder.session, b"turn on the light", HIDDEN)
    assert printed == f"{vector[0]:f}\n"


def test_info(encoder: Opened, classifier: Opened) -> None:
    info = Info(size=c.sizeof(Info))
    assert encoder.library.model_info(encoder.model, c.byref(info)) == Status.OK
    assert (info.name, info.task, info.precision) == (b"random", b"embed", b"int8")
    assert (info.max_tokens, info.hidden, info.output_size) == (c_models.MAX_TOKENS, HIDDEN, HIDDEN)
    assert classifier.library.model_info(classifier.model, c.byref(info)) == Status.OK
    assert (info.task, info.precision, info.output_size) == (b"classify", b"fp32", LABELS)
    labels = [classifier.library.model_label(classifier.model, i) for i in range(-1, LABELS + 1)]
    assert labels == [None, *(f"label {i}".encode() for i in range(LABELS)), None]


@given(text=st.text(max_size=200), pair=st.none() | st.text(max_size=200))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tokens_equal_pythons(encoder: Opened, words: Tokenizer, text: str, pair: str | None) -> None:
    expected = words.encode(text, pair, max_length=c_models.MAX_TOKENS)
    status, ids, types, count, cut = encoder.library.tokens(
        encoder.session, text.encode(), None if pair is None else pair.encode()
    )
    assert status is Status.OK
    assert (ids.tolist(), types.tolist(), cut) == (expected.ids, expected.type_ids, expected.truncated)
    assert count == len(expected)


@pytest.mark.parametrize("text", TEXTS)
def test_vectors_equal_pythons(encoder: Opened, words: Tokenizer, text: str) -> None:
    status, vector, cut = encoder.library.answer_of("embed", encoder.session, text.encode(), HIDDEN)
    assert status is Status.OK
    assert vector.tobytes() == encoder.expected(c_models.ids(words, text)).tobytes()
    assert cut == words.encode(text, max_length=c_models.MAX_TOKENS).truncated


@pytest.mark.parametrize("text", TEXTS)
def test_scores_equal_pythons(classifier: Opened, words: Tokenizer, text: str) -> None:
    status, scores, _ = classifier.library.answer_of("classify", classifier.session, text.encode(), LABELS)
    assert status is Status.OK
    assert scores.tobytes() == classifier.expected(c_models.ids(words, text)).tobytes()
    best, count = (Match * 9)(), c.c_size_t()
    for capacity in (0, 2, 9):
        arguments = (classifier.session, text.encode(), len(text.encode()), best, capacity, c.byref(count), None)
        assert classifier.library.classify_top(*arguments) == Status.OK
        order = sorted(range(LABELS), key=lambda i: (-scores[i], i))[:capacity]
        assert [(best[i].label, best[i].score) for i in range(count.value)] == [(i, scores[i]) for i in order]


@pytest.mark.parametrize("task", ["embed", "classify"])
def test_ids_give_answers_and_raw_output(encoder: Opened, classifier: Opened, words: Tokenizer, task: str) -> None:
    opened = encoder if task == "embed" else classifier
    pair = words.encode("turn on", "the light", max_length=c_models.MAX_TOKENS)
    ids, types = np.array(pair.ids, np.int32), np.array(pair.type_ids, np.int32)
    row, length = (ids[None], np.array([len(ids)])), len(ids)
    width = HIDDEN if task == "embed" else LABELS
    for given_types in (types, None):
        pointers = (ids.ctypes.data, None if given_types is None else given_types.ctypes.data, length)
        answer = np.zeros(width, np.float32)
        function = getattr(opened.library, f"{task}_ids")
        assert function(opened.session, *pointers, answer.ctypes.data, width) == Status.OK
        arrays = (*row, None if given_types is None else given_types[None])
        assert answer.tobytes() == opened.python.answer(*arrays)[0].tobytes()
        raw = opened.python.run(*arrays)[0]
        output = np.zeros(raw.size, np.float32)
        assert opened.library.run(opened.session, *pointers, output.ctypes.data, output.size) == Status.OK
        assert output.tobytes() == raw.tobytes()


def test_sessions_of_every_kind_give_the_same_bits(encoder: Opened, library: Library) -> None:
    text = b"turn on the light in kitchen"
    _, expected, _ = library.answer_of("embed", encoder.session, text, HIDDEN)
    kinds = [{"threads": 3}, {"max_tokens": 12}, *({"path": path.encode()} for path in _native.cpu_paths())]
    for kind in kinds:
        options = Options(**kind)
        memory = c_library.aligned(bytes(library.session_size(encoder.model, c.byref(options))))
        for arena in (None, memory.ctypes.data):
            options.arena, options.arena_size = arena, len(memory) if arena else 0
            status, session = library.session(encoder.model, options)
            assert status is Status.OK
            assert library.session_path(session).decode() == kind.get("path", _native.cpu_paths()[0].encode()).decode()
            _, vector, cut = library.answer_of("embed", session, text, HIDDEN)
            assert (vector.tobytes(), cut) == (expected.tobytes(), False)
            library.session_free(session)


def test_a_model_in_memory_equals_one_in_a_file(encoder: Opened, library: Library) -> None:
    content = c_library.aligned(encoder.path.read_bytes())
    status, model, why = library.from_memory(content)
    assert (status, why) == (Status.OK, "")
    _, session = library.session(model)
    vectors = [library.answer_of("embed", s, b"play music", HIDDEN)[1].tobytes() for s in (session, encoder.session)]
    assert vectors[0] == vectors[1]
    library.session_free(session)
    library.model_free(model)


def test_golden_answers_hold(encoder: Opened, classifier: Opened) -> None:
    for opened in (encoder, classifier):
        why = c.create_string_buffer(256)
        assert opened.library.model_verify(opened.model, why, len(why)) == Status.OK, why.value
