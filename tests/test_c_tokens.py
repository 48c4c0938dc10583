"""The C library finds what Python finds in a text, at the same places, counted in bytes."""

import ctypes as c
from collections.abc import Iterator
from pathlib import Path

import c_library
import c_models
import engine_models
import numpy as np
import pytest
from c_library import Library, Span, Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_c_api import Opened

from edgebert.entities import Grouping
from edgebert.pieces import Pieces
from edgebert.softmax import softmax
from edgebert.tokenizer import Tokenizer
from edgebert.windows import TokenOutputs

TOKENS, ENTITIES = 0, 1
TEXTS = (
    "turn on the lights",
    "",
    "play, play music!",
    "what is 中文, Émile 👍?",
    "stop unbelievable " * 20,
    "e\u0301 e\u0301x",
)
FIXTURES = [HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def library() -> Library:
    return c_library.load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c_tokens")


@pytest.fixture(scope="module")
def words(folder: Path) -> Tokenizer:
    return c_models.tokenizer(folder)


def _opened(library: Library, folder: Path, task: str, labels: int) -> Iterator[Opened]:
    path = folder / f"{task}.edgebert"
    path.write_bytes(c_models.whole_file(folder, labels=labels, task=task))
    opened = Opened(library, path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def tagger(library: Library, folder: Path) -> Iterator[Opened]:
    yield from _opened(library, folder, "tag", 5)


@pytest.fixture(scope="module")
def answerer(library: Library, folder: Path) -> Iterator[Opened]:
    yield from _opened(library, folder, "answer", 2)


def in_bytes(text: str, place: int) -> int:
    return len(text[:place].encode())


def python_entities(opened: Opened, words: Tokenizer, text: str, aggregation: str) -> list[tuple[str, float, int, int]]:
    """Name, score, start and end in bytes, by the Python package."""
    encoding = words.encode(text, max_length=c_models.MAX_TOKENS)
    ids, offsets = np.array(encoding.ids, np.int32), np.array(encoding.offsets, np.int32)
    scores = opened.expected(ids)
    tokens = TokenOutputs(ids[1:-1], offsets[1:-1], scores[1:-1], encoding.truncated)
    found = Grouping(engine_models.TAGS, Pieces(words), words.unk_id).entities(text, tokens, aggregation)
    return [
        (
            each.get("entity") or each["entity_group"],
            each["score"],
            in_bytes(text, each["start"]),
            in_bytes(text, each["end"]),
        )
        for each in found
        if "O" not in (each.get("entity"), each.get("entity_group"))
    ]


def check_entities(opened: Opened, words: Tokenizer, text: str) -> None:
    for grouping, aggregation in ((TOKENS, "none"), (ENTITIES, "first")):
        status, found, _, cut = opened.library.entities(opened.session, text.encode(), grouping)
        expected = python_entities(opened, words, text, aggregation)
        assert status is Status.OK
        assert cut == words.encode(text, max_length=c_models.MAX_TOKENS).truncated
        labels = [engine_models.TAGS[each.label] for each in found]
        names = labels if grouping == TOKENS else [label[2:] for label in labels]
        places = [(name, each.start, each.end) for name, each in zip(names, found, strict=True)]
        assert places == [(name, start, end) for name, _, start, end in expected]
        assert [each.score for each in found] == pytest.approx([score for _, score, _, _ in expected], abs=1e-6)


@pytest.mark.parametrize("text", TEXTS)
def test_entities_equal_pythons(tagger: Opened, words: Tokenizer, text: str) -> None:
    check_entities(tagger, words, text)


# two marks of the Hangul tone kind and musical signs are the only ones whose place may be a neighbour's
_PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\u302e\u302f", max_codepoint=0x1CFFF), max_size=120)


@given(text=_PLAIN | st.text("turn on, é中👍\u0301\u0323#", max_size=60))
@settings(max_examples=300, deadline=None, suppress_health_check=FIXTURES)
def test_entities_of_any_text_equal_pythons(tagger: Opened, words: Tokenizer, text: str) -> None:
    check_entities(tagger, words, text)


def test_too_few_entities_are_told(tagger: Opened) -> None:
    text = b"turn on the light, play music please now"
    _, every, needed, _ = tagger.library.entities(tagger.session, text, TOKENS)
    assert needed > 2
    for capacity in (0, 2):
        status, found, count, _ = tagger.library.entities(tagger.session, text, TOKENS, capacity)
        assert (status, count) == (Status.BUFFER_TOO_SMALL, needed)
        assert [(each.label, each.start, each.end) for each in found] == [
            (each.label, each.start, each.end) for each in every[:capacity]
        ]
        assert b"the buffer room for %d" % capacity in tagger.library.session_error(tagger.session)


def expected_spans(opened: Opened, words: Tokenizer, question: str, context: str, longest: int) -> dict[tuple, float]:
    """The best score of every place that an answer can have, in bytes."""
    encoding = words.encode(question, context, max_length=c_models.MAX_TOKENS, truncation="only_second")
    ids, types = np.array([encoding.ids], np.int32), np.array([encoding.type_ids], np.int32)
    logits = opened.python.answer(ids, np.array([ids.size]), types)[0]
    own = [at for at, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
    shares = softmax(logits[[0, *own]].T)
    best: dict[tuple, float] = {(): float(shares[0, 0] * shares[1, 0])}
    for at, start in enumerate(own):
        for more, end in enumerate(own[at : at + longest]):
            same = [encoding.word_ids[place] for place in own]
            first = own[same.index(encoding.word_ids[start])]
            last = own[len(same) - 1 - same[::-1].index(encoding.word_ids[end])]
            place = (
                in_bytes(context, encoding.offsets[first][0]),
                in_bytes(context, encoding.offsets[last][1]),
            )
            best[place] = max(best.get(place, 0), float(shares[0, 1 + at] * shares[1, 1 + at + more]))
    return best


@pytest.mark.parametrize("longest", [0, 2])
@pytest.mark.parametrize("context", TEXTS)
def test_answers_are_the_best_spans(answerer: Opened, words: Tokenizer, context: str, longest: int) -> None:
    question = "what is on?"
    status, found, none, cut = answerer.library.spans(answerer.session, question.encode(), context.encode(), 7, longest)
    assert status is Status.OK
    expected = expected_spans(answerer, words, question, context, longest or 15)
    assert none == pytest.approx(expected.pop(()), abs=1e-6)
    assert cut == words.encode(question, context, max_length=c_models.MAX_TOKENS).truncated
    assert [each.score for each in found] == pytest.approx(sorted(expected.values(), reverse=True)[:7], abs=1e-6)
    places = [(each.start, each.end) for each in found]
    assert len(set(places)) == len(places) == min(7, len(expected))
    assert [expected[place] for place in places] == pytest.approx([each.score for each in found], abs=1e-6)


def test_a_question_must_leave_room(answerer: Opened) -> None:
    status, _, _, _ = answerer.library.spans(answerer.session, b"what " * 30, b"music")
    assert status is Status.INVALID_ARGUMENT
    error = answerer.library.session_error(answerer.session)
    assert error == b"the first text leaves no room for the second in 24 tokens"


def test_other_tasks_and_null_pointers_are_refused(tagger: Opened, answerer: Opened) -> None:
    library, count, spans = tagger.library, c.c_size_t(), (Span * 2)()
    assert library.entities(answerer.session, b"a", TOKENS)[0] is Status.INVALID_ARGUMENT
    assert library.session_error(answerer.session) == b"the model's task is answer"
    assert library.spans(tagger.session, b"a", b"b")[0] is Status.INVALID_ARGUMENT
    assert library.session_error(tagger.session) == b"the model's task is tag"
    for arguments in (
        (None, b"a", 1, TOKENS, None, 0, c.byref(count), None),
        (tagger.session, None, 1, TOKENS, None, 0, c.byref(count), None),
        (tagger.session, b"a", 1, TOKENS, None, 0, None, None),
        (tagger.session, b"a", 1, TOKENS, None, 3, c.byref(count), None),
    ):
        assert library.tag(*arguments) == Status.INVALID_ARGUMENT
    for arguments in (
        (None, b"a", 1, b"b", 1, 0, spans, 2, c.byref(count), None, None),
        (answerer.session, None, 1, b"b", 1, 0, spans, 2, c.byref(count), None, None),
        (answerer.session, b"a", 1, None, 1, 0, spans, 2, c.byref(count), None, None),
        (answerer.session, b"a", 1, b"b", 1, -1, spans, 2, c.byref(count), None, None),
        (answerer.session, b"a", 1, b"b", 1, 0, None, 2, c.byref(count), None, None),
        (answerer.session, b"a", 1, b"b", 1, 0, spans, 2, None, None, None),
    ):
        assert library.answer(*arguments) == Status.INVALID_ARGUMENT
    assert library.answer(answerer.session, b"a", 1, b"b", 1, 0, spans, 2, c.byref(count), None, None) == Status.OK


def test_raw_logits_equal_pythons(tagger: Opened, answerer: Opened, words: Tokenizer) -> None:
    pair = words.encode("turn on", "the light", max_length=c_models.MAX_TOKENS)
    ids, types = np.array(pair.ids, np.int32), np.array(pair.type_ids, np.int32)
    for opened in (tagger, answerer):
        raw = opened.python.run(ids[None], np.array([len(ids)]), types[None])[0]
        output = np.zeros(raw.size, np.float32)
        pointers = (ids.ctypes.data, types.ctypes.data, len(ids))
        assert opened.library.run(opened.session, *pointers, output.ctypes.data, output.size) == Status.OK
        assert output.tobytes() == raw.tobytes()
        assert opened.library.run(opened.session, *pointers, output.ctypes.data, output.size - 1) == 6


@pytest.mark.parametrize("damaged", [None, "golden.outputs", "golden.input_ids", "golden.texts"])
@pytest.mark.parametrize(("task", "labels"), [("tag", 5), ("answer", 2)])
def test_golden_answers_hold_or_are_told(
    library: Library, folder: Path, task: str, labels: int, damaged: str | None
) -> None:
    content = c_library.aligned(c_models.whole_file(folder, labels=labels, task=task, damaged=damaged))
    status, model, _ = library.from_memory(content)
    why = c.create_string_buffer(256)
    status = Status(library.model_verify(model, why, len(why)))
    assert (status is Status.OK) == (damaged is None), why.value
    library.model_free(model)


def test_an_answer_model_without_contexts_is_refused(library: Library, folder: Path) -> None:
    content = c_models.whole_file(folder, labels=2, task="answer", left_out="golden.pairs")
    _status, model, _ = library.from_memory(c_library.aligned(content))
    why = c.create_string_buffer(256)
    assert library.model_verify(model, why, len(why)) == Status.BAD_BUNDLE
    assert why.value == b"the file has no golden.pairs: export the model again"
    library.model_free(model)
