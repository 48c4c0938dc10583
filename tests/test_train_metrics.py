"""Metrics against libraries that others trust."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.accuracy.entities import entities
from edgebert.export.train.metrics import answer_scores, entity_f1, macro_f1, spearman

TAGS = st.lists(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), min_size=1, max_size=8), min_size=1)


@settings(max_examples=100, deadline=None)
@given(TAGS, st.randoms())
@pytest.mark.filterwarnings("ignore")
def test_entity_f1_is_that_of_seqeval(expected, random):
    seqeval = pytest.importorskip("seqeval.metrics")
    found = [random.choices(["O", "B-A", "I-A", "B-B", "I-B"], k=len(tags)) for tags in expected]
    if any(entities(tags) for tags in expected + found):  # seqeval says 0 where there is nothing at all
        assert entity_f1(found, expected) == pytest.approx(seqeval.f1_score(expected, found))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2))
def test_spearman_is_that_of_scipy(pairs):
    first, second = np.array(pairs, np.float64).T
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert spearman(first, second) == pytest.approx(scipy.stats.spearmanr(first, second).statistic, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1))
@pytest.mark.filterwarnings("ignore")
def test_macro_f1_is_that_of_scikit_learn(pairs):
    sklearn = pytest.importorskip("sklearn.metrics")
    found, expected = np.array(pairs).T
    assert macro_f1(found, expected) == pytest.approx(sklearn.f1_score(expected, found, average="macro"))


def test_macro_f1_by_hand():
    # label 0: 1 right of 2 found and 1 expected, label 1: 1 of 1 and 2, label 2 is found alone, label 3 never occurs
    assert macro_f1(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])) == pytest.approx((2 / 3 + 2 / 4 + 0) / 3)


@pytest.mark.parametrize(
    ("found", "expected", "scores"),
    [
        ("The light!", ["light"], (1.0, 1.0)),
        ("red light", ["light", "a green light bulb"], (0.0, 2 / 3)),
        ("dark", ["light"], (0.0, 0.0)),
        ("", [], (1.0, 1.0)),
        ("light", [], (0.0, 0.0)),
    ],
)
def test_answers_are_scored_as_squad_does(found, expected, scores):
    assert answer_scores(found, expected) == pytest.approx(scores)
