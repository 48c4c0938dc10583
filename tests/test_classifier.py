"""Labels: scores of the reference, best first, unknown below a threshold, and the same bits in any batch."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert import load
from edgebert.batching import TruncationWarning
from edgebert.classifier import Classifier
from edgebert.errors import InputError
from edgebert.manifest import ClassifyHead

LABELS = ("light_on", "play_music", "battery")
TEXTS = ["turn on the light", "", "play music, please!", "stop", "what is the battery level"]
LONG = "turn on the kitchen lights and play music in the kitchen now please or stop it"
KINDS = ("single_label_classification", "multi_label_classification", "regression")


@pytest.fixture(scope="module")
def classifier(classify_bundle: Path) -> Classifier:
    model = load(classify_bundle)
    assert isinstance(model, Classifier)
    return model


@pytest.fixture(scope="module")
def make_classifier(make_bundle: Callable[..., Path]) -> Callable[..., Classifier]:
    def make(kind: str, labels: tuple[str, ...] = LABELS, **design: Any) -> Classifier:
        model = load(make_bundle(ClassifyHead(labels, kind), **design))
        assert isinstance(model, Classifier)
        return model

    return make


def _logits(model: Classifier, text: str, pair: str | None = None) -> np.ndarray:
    encoding = model.tokenizer.encode(text, pair, max_length=model.max_tokens)
    ids, types = np.array([encoding.ids], np.int32), np.array([encoding.type_ids], np.int32)
    return model.session.run(ids, np.ones_like(ids), types)[0].astype(np.float64)


def _expected(kind: str, logits: np.ndarray) -> np.ndarray:
    if kind == "regression":
        return logits
    if kind == "multi_label_classification" or len(logits) == 1:
        return 1 / (1 + np.exp(-logits))
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("labels", [LABELS, ("only",)])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_reference(
    make_classifier: Callable[..., Classifier], kind: str, labels: tuple[str, ...]
) -> None:
    model = make_classifier(kind, labels)
    scores = model.scores(TEXTS)
    assert scores.dtype == np.float32
    assert scores.shape == (len(TEXTS), len(labels))
    expected = np.stack([_expected(kind, _logits(model, text)) for text in TEXTS])
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


def test_answers_are_shaped_by_what_is_asked(classifier: Classifier) -> None:
    one = classifier.classify("turn on")
    assert set(one) == {"label", "score"}
    assert classifier.classify(["turn on", "stop"])[0] == one
    assert classifier.classify("turn on", top_k=2)[0] == one  # type: ignore[index]
    assert [len(answers) for answers in classifier.classify(["turn on", "stop"], top_k=2)] == [2, 2]
    every = classifier.classify("turn on", top_k=None)
    assert isinstance(every, list)
    assert {answer["label"] for answer in every} == set(LABELS)  # type: ignore[call-overload]
    assert classifier.classify("turn on", top_k=99) == every
    assert classifier.classify([]) == []
    assert classifier.scores([]).shape == (0, 3)
    assert classifier.labels == LABELS


def test_answers_are_sorted_by_score(classifier: Classifier) -> None:
    for text, scores in zip(TEXTS, classifier.scores(TEXTS), strict=True):
        answers: Any = classifier.classify(text, top_k=None)
        assert [answer["score"] for answer in answers] == sorted(map(float, scores), reverse=True)
        assert all(scores[LABELS.index(answer["label"])] == answer["score"] for answer in answers)


_CACHE: dict[Path, Classifier] = {}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), max_size=9), st.integers(1, 10))
def test_a_text_has_the_same_bits_in_any_batch_and_order(classify_bundle: Path, texts: list[str], size: int) -> None:
    if classify_bundle not in _CACHE:
        model = load(classify_bundle)
        assert isinstance(model, Classifier)
        _CACHE[classify_bundle] = model
    classifier = _CACHE[classify_bundle]
    scores = classifier.scores(texts, batch_size=size)
    for text, row in zip(texts, scores, strict=True):
        assert classifier.scores([text]).tobytes() == row.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_large_logits_overflow_nowhere(make_classifier: Callable[..., Classifier], kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = make_classifier(kind, int8=False, weight=1e6).scores(TEXTS)
    assert np.isfinite(scores).all()
    if kind == "single_label_classification":
        np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)


def test_pairs_are_read_as_pairs(classifier: Classifier) -> None:
    expected = _expected(KINDS[0], _logits(classifier, "turn on", "the light"))
    np.testing.assert_allclose(classifier.scores([("turn on", "the light")])[0], expected, rtol=1e-5)
    answer = classifier.classify(("turn on", "the light"))
    assert answer == classifier.classify({"text": "turn on", "text_pair": "the light"})
    assert [answer] == classifier.classify([("turn on", "the light")])
    assert [answer] == classifier.classify([{"text": "turn on", "text_pair": "the light"}])
    assert answer != classifier.classify("turn on the light")


def test_an_unknown_intent_gets_no_label(classifier: Classifier) -> None:
    best = classifier.classify("turn on")
    assert classifier.classify("turn on", min_score=best["score"]) == best
    rejected = {"label": None, "score": best["score"]}
    assert classifier.classify("turn on", min_score=best["score"] + 1e-4) == rejected
    assert classifier.classify(["turn on"], min_score=1.0) == [rejected]
    assert classifier.classify("turn on", top_k=2, min_score=1.0) == [rejected]
    assert classifier.classify("turn on", top_k=None, min_score=0.0) == classifier.classify("turn on", top_k=None)


def test_several_labels_are_filtered(make_classifier: Callable[..., Classifier]) -> None:
    model = make_classifier("multi_label_classification")
    every: Any = model.classify("turn on", top_k=None)
    middle = every[1]["score"]
    assert model.classify("turn on", top_k=None, min_score=middle) == every[:2]
    assert model.classify("turn on", top_k=None, min_score=1.0) == []
    assert model.classify("turn on", min_score=1.0) == {"label": None, "score": every[0]["score"]}


def test_a_cut_text_is_reported(classifier: Classifier) -> None:
    with pytest.warns(TruncationWarning, match=r"1 of 2 texts .* first is texts\[1\]") as caught:
        classifier.classify(["stop", LONG])
    assert caught[0].filename == __file__
    with pytest.warns(TruncationWarning) as caught:
        classifier.scores([LONG])
    assert caught[0].filename == __file__
    assert classifier.scores(["stop", LONG], return_truncated=True)[1].tolist() == [False, True]


@pytest.mark.parametrize("how", ["mean", "max"])
def test_windows_of_a_long_text_are_joined(make_classifier: Callable[..., Classifier], how: Any) -> None:
    model = make_classifier("regression")
    batch = model.tokenizer.encode_batch([LONG], max_length=16, stride=4)
    windows = np.stack([model.session.run(*batch.padded([row]))[0] for row in range(len(batch))])
    expected = windows.mean(axis=0) if how == "mean" else windows.max(axis=0)
    scores, truncated = model.scores(["stop", LONG], long_texts=how, return_truncated=True)
    np.testing.assert_allclose(scores[1], expected, rtol=1e-6, atol=1e-6)
    assert np.array_equal(scores[0], model.scores(["stop"])[0])
    assert not truncated.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": 1}, r"texts\[0\] is int"),
        ({"texts": ["a", 1]}, r"texts\[1\] is int: give a str, a pair"),
        ({"texts": ("a", "b", "c")}, r"texts\[0\] is tuple"),
        ({"texts": [["a", "b"]]}, r"texts\[0\] is list"),
        ({"texts": {"text": "a"}}, r"texts\[0\] is \['text'\]"),
        ({"texts": [("a", 1)]}, r"texts\[0\] is tuple"),
        ({"texts": ["a", ("b", "c")]}, "1 of 2 texts are pairs: give pairs only"),
        ({"texts": ["\ud800"]}, "surrogate"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_k": True}, "top_k is True"),
        ({"top_k": 1.0}, r"top_k is 1\.0"),
        ({"min_score": -0.1}, r"min_score is -0\.1: give a number from 0 to 1"),
        ({"min_score": float("nan")}, "min_score is nan"),
        ({"min_score": "0.5"}, r"min_score is '0\.5'"),
        ({"min_score": True}, "min_score is True"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"long_texts": "both"}, "long_texts is 'both'"),
    ],
)
def test_bad_arguments_are_refused(classifier: Classifier, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        classifier.classify(**{"texts": ["a"], **arguments})
    assert "\n" not in str(caught.value)


def test_scores_take_a_list(classifier: Classifier) -> None:
    with pytest.raises(InputError, match="texts is of type str: give a list"):
        classifier.scores("turn on")


def test_a_regression_has_no_threshold(make_classifier: Callable[..., Classifier]) -> None:
    model = make_classifier("regression")
    with pytest.raises(InputError, match="min_score does not work with a regression model"):
        model.classify("turn on", min_score=0.5)
    answer = model.classify("turn on")
    assert answer["score"] == pytest.approx(_logits(model, "turn on").max(), rel=1e-5)
