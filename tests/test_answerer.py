"""Answers: those of the pipeline of transformers, exact pieces of the context, and whole contexts read in windows."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from checkpoints import save_answerer
from hypothesis import given, settings
from hypothesis import strategies as st

import edgebert
from edgebert.answerer import Answerer
from edgebert.bundle import open_bundle
from edgebert.errors import CheckpointError, InputError
from edgebert.export import Recipe, export
from edgebert.loader import load_bundle
from edgebert.spans import best_spans
from edgebert.verify import verify

PAIRS = [
    ("what is on?", "turn on the lights in kitchen, please! the battery is down."),
    ("what's playing", "unbelievable things 中文国语 👍 caf\u0065\u0301 now"),
    ("x", "y"),
    ("where is music", "music on, music off. Music up and music down now please"),
]
LONG = ("what is on?", " ".join(f"play track {number} in kitchen now." for number in range(25)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_answerer(tmp_path_factory.mktemp("answerer") / "checkpoint")


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Path:
    return export(Recipe(folder.parent / "answerer.bundle", model=str(folder))).path


@pytest.fixture(scope="module")
def answerer(bundle: Path) -> Answerer:
    model = load_bundle(open_bundle(bundle), "native", baseline=True)
    assert isinstance(model, Answerer)
    return model


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Any:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    return transformers.pipeline("question-answering", model=str(folder), device="cpu")


def assert_alike(found: Any, expected: Any) -> None:
    """The same answers with about the same scores; transformers gives one answer outside of a list."""
    found, expected = ([each] if isinstance(each, dict) else each for each in (found, expected))
    real = [each for each in expected if each["score"] > 0]  # it also gives spans that end before they start
    assert [{**each, "score": 0} for each in found[: len(real)]] == [{**each, "score": 0} for each in real]
    scores = [[each["score"] for each in answers] for answers in (found[: len(real)], real)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"top_k": 5},
        {"top_k": 3, "align_to_words": False},
        {"top_k": 4, "handle_impossible_answer": True},
        {"handle_impossible_answer": True},
        {"max_answer_len": 2, "top_k": 2},
    ],
)
@pytest.mark.parametrize("pair", [*PAIRS, LONG])
def test_answers_are_those_of_transformers(
    answerer: Answerer, pipeline: Any, pair: tuple[str, str], options: dict[str, Any]
) -> None:
    question, context = pair
    assert_alike(answerer.answer(question, context, **options), pipeline(question=question, context=context, **options))


@pytest.mark.parametrize(("window", "stride"), [(20, 4), (33, 16), (64, 1)])
def test_windows_are_those_of_transformers(answerer: Answerer, pipeline: Any, window: int, stride: int) -> None:
    options = {"max_seq_len": window, "doc_stride": stride, "top_k": 3}
    question, context = LONG
    assert_alike(answerer.answer(question, context, **options), pipeline(question=question, context=context, **options))


def test_an_answer_at_the_end_of_a_long_context_is_found(answerer: Answerer) -> None:
    question, context = LONG
    found: Any = answerer.answer(question, context, top_k=2000)
    assert max(each["end"] for each in found) == len(context)


def test_one_question_gives_one_answer(answerer: Answerer) -> None:
    (question, context), (other, more) = PAIRS[:2]
    one = answerer.answer(question, context)
    assert list(one) == ["score", "start", "end", "answer"]
    assert answerer.answer([question], context) == [one]
    assert answerer.answer(question, [context]) == [one]
    assert answerer.answer([question, other], [context, more])[0] == one
    assert answerer.answer([question, other], context)[0] == one
    assert answerer.answer(question, context, top_k=2)[0] == one
    assert answerer.answer([], []) == []
    assert answerer.answer([], context) == []


def test_a_context_without_a_token_has_no_answer(answerer: Answerer) -> None:
    for context in ("", "  ", "\u200b"):
        found = answerer.answer("what is on?", context)
        assert (found["start"], found["end"], found["answer"]) == (0, 0, "")
        assert found["score"] == pytest.approx(1)


@settings(max_examples=80, deadline=None)
@given(st.text(min_size=1, max_size=40), st.text(max_size=300), st.integers(1, 4))
def test_answers_are_exact_pieces_of_the_context(bundle: Path, question: str, context: str, top_k: int) -> None:
    model = _loaded(bundle)
    if len(model.tokenizer.encode(question)) > 30:
        return
    for found in model.answer([question], context, top_k):
        for each in [found] if isinstance(found, dict) else found:
            assert context[each["start"] : each["end"]] == each["answer"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([*PAIRS, LONG]), max_size=6), st.integers(1, 5))
def test_a_question_has_the_same_answer_in_any_batch(bundle: Path, pairs: list[Any], size: int) -> None:
    model = _loaded(bundle)
    questions, contexts = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assert model.answer(questions, contexts, batch_size=size) == [model.answer(*pair) for pair in pairs]


_OPEN: dict[Path, Answerer] = {}


def _loaded(bundle: Path) -> Answerer:
    if bundle not in _OPEN:
        model = edgebert.load(bundle, engine="native")
        assert isinstance(model, Answerer)
        _OPEN[bundle] = model
    return _OPEN[bundle]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.integers(1, 12), st.integers(1, 20), st.integers(0, 1000))
def test_the_best_spans_are_the_best_of_all(tokens: int, longest: int, count: int, seed: int) -> None:
    logits = np.random.default_rng(seed).standard_normal((1 + tokens, 2)).astype(np.float32)
    shares = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum(axis=0)
    every = [
        (shares[1 + start, 0] * shares[1 + end, 1], start, end)
        for start in range(tokens)
        for end in range(start, min(tokens, start + longest))
    ]
    expected = sorted(every, reverse=True)[:count]
    found = best_spans(logits, count, longest)
    assert list(zip(found.starts, found.ends, strict=True)) == [span[1:] for span in expected]
    assert found.scores == pytest.approx([span[0] for span in expected], abs=1e-6)
    assert found.no_answer == pytest.approx(shares[0].prod(), abs=1e-6)


def test_int8_agrees_and_verifies(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    assert (manifest.task, manifest.output_width, manifest.output_by_token) == ("answer", 2, True)
    for engine in ("native", "onnxruntime"):
        assert manifest.accuracy[engine]["agreement"] > 0.9
        found = verify(bundle, engine)
        assert found.largest_difference <= found.tolerance
    assert "share of questions with the same answer as FP32" in (bundle / "report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"question": 5, "context": "a"}, "question is of type int: give a str or a list of str"),
        ({"question": "a", "context": [b"a"]}, "context is of type list"),
        ({"question": ["a", "b"], "context": ["a"]}, "there are 2 questions for 1 contexts"),
        ({"question": "a", "context": "b", "top_k": 0}, "top_k is 0: give a whole number from 1"),
        ({"question": "a", "context": "b", "max_answer_len": True}, "max_answer_len is True"),
        ({"question": "a", "context": "b", "max_seq_len": 65}, "max_seq_len is 65: the model takes at most 64 tokens"),
        ({"question": "a " * 70, "context": "b"}, "cannot make the pair fit"),
        ({"question": "a " * 40, "context": "b " * 99}, "give a smaller stride"),
        ({"question": "a", "context": "b", "batch_size": 0}, "batch_size is 0"),
    ],
)
def test_wrong_arguments(answerer: Answerer, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        answerer.answer(**arguments)


def test_single_texts_are_refused(answerer: Answerer) -> None:
    with pytest.raises(InputError, match="1 of 2 texts are single: give pairs"):
        answerer.outputs([("a", "b"), "c"])


def test_the_head_must_be_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="without a token classification head"):
        export(Recipe(tmp_path / "b", model=str(folder), task="tag"))
