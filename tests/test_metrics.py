"""Metrics against their definitions, against scipy and against seqeval."""

import numpy as np
import pytest
import scipy.stats
import seqeval.metrics
from hypothesis import assume, given
from hypothesis import strategies as st

from edgebert.accuracy.answers import answer_marks, plain_answer
from edgebert.accuracy.entities import entities, entity_marks
from edgebert.accuracy.metrics import (
    ACCURACY,
    AGREEMENT,
    COSINE,
    ENTITY_F1,
    EXACT_MATCH,
    EXACT_SETS,
    MACRO_F1,
    MACRO_F1_OF_SETS,
    SPEARMAN,
)

labels = st.integers(0, 4)
tags = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


def f1(hits, expected, found):
    return 2 * hits / (expected + found)


@given(st.lists(st.tuples(labels, labels), min_size=1))
def test_accuracy_and_macro_f1_of_labels(pairs):
    marks = np.array(pairs, np.float64)
    assert ACCURACY.score(marks) == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))
    scores = [
        f1(sum(a == b == label for a, b in pairs), sum(a == label for a, _ in pairs), sum(b == label for _, b in pairs))
        for label in {label for pair in pairs for label in pair}
    ]
    assert MACRO_F1.score(marks) == pytest.approx(np.mean(scores))
    assert ACCURACY.score(ACCURACY.wrong(marks)) == MACRO_F1.score(MACRO_F1.wrong(marks)) == 0


@given(st.lists(st.tuples(st.sets(labels), st.sets(labels)), min_size=1))
def test_macro_f1_of_sets_is_that_of_labels_taken_one_by_one(pairs):
    bits = np.array([[label in part for part in pair for label in range(5)] for pair in pairs], np.float64)
    occurring = [label for label in range(5) if any(label in part for pair in pairs for part in pair)]
    scores = [
        f1(
            sum(label in a and label in b for a, b in pairs),
            sum(label in a for a, _ in pairs),
            sum(label in b for _, b in pairs),
        )
        for label in occurring
    ]
    assert MACRO_F1_OF_SETS.score(bits) == pytest.approx(np.mean(scores) if scores else 1.0)
    assert EXACT_SETS.score(bits) == pytest.approx(np.mean([a == b for a, b in pairs]))
    assert MACRO_F1_OF_SETS.score(MACRO_F1_OF_SETS.wrong(bits)) == EXACT_SETS.score(EXACT_SETS.wrong(bits)) == 0


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(-1, 1, width=16)), min_size=2))
def test_spearman_is_scipys_with_ties(pairs):
    marks = np.array(pairs, np.float64)
    assume(len(set(marks[:, 0])) > 1 and len(set(marks[:, 1])) > 1)
    assert SPEARMAN.score(marks) == pytest.approx(scipy.stats.spearmanr(*marks.T).statistic)


def test_answers_that_say_nothing_are_worth_nothing():
    assert np.isnan(SPEARMAN.score(np.array([[1.0, 2.0], [1.0, 3.0]])))
    assert SPEARMAN.score(np.array([[1.0, 3.0], [2.0, 3.0]])) == 0
    assert COSINE.score(np.array([[1.0], [np.nan]])) == 0.5


@given(st.lists(st.lists(st.tuples(tags, tags), min_size=1, max_size=9), min_size=1, max_size=9))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_entity_f1_is_seqevals(sentences):
    expected, found = ([[pair[side] for pair in sentence] for sentence in sentences] for side in (0, 1))
    assume(any(entities(tags) for tags in (*expected, *found)))
    marks = entity_marks(expected, found)
    assert ENTITY_F1.score(marks) == pytest.approx(seqeval.metrics.f1_score(expected, found))
    assert ENTITY_F1.correct(marks).tolist() == [
        entities(a) == entities(b) for a, b in zip(expected, found, strict=True)
    ]
    assert ENTITY_F1.score(ENTITY_F1.wrong(marks)) == 0


def test_entities_have_a_type_and_both_ends():
    assert entities(["B-PER", "I-PER", "O", "I-LOC", "B-LOC", "I-PER"]) == {
        ("PER", 0, 2),
        ("LOC", 3, 4),
        ("LOC", 4, 5),
        ("PER", 5, 6),
    }
    assert ENTITY_F1.score(entity_marks([["O"], []], [["O"], []])) == 1.0
    half = entity_marks([["B-PER", "I-PER", "B-LOC"]], [["B-PER", "O", "B-LOC"]])
    assert (half.tolist(), ENTITY_F1.score(half)) == ([[1, 2, 2]], 0.5)


@pytest.mark.parametrize(
    ("expected", "found", "right"),
    [
        (["the Denver Broncos"], "Denver Broncos!", True),
        (["308", "three hundred"], "Three  hundred", True),
        (["Thomas Davis"], "Thomas", False),
        ([], "", True),
        ([], "anything", False),
        (["an apple a day"], "apple day", True),
    ],
)
def test_exact_match_as_in_squad(expected, found, right):
    assert answer_marks([expected], [found]).tolist() == [[right]]


def test_what_counts_of_an_answer():
    assert plain_answer("  The U.S.'s  Navy ") == "uss navy"
    assert EXACT_MATCH.score(answer_marks([["a b"], ["c"]], ["B", "d"])) == 0.5


def test_agreement_and_cosine_are_means():
    marks = np.array([[1.0], [0.0], [1.0], [1.0]])
    assert AGREEMENT.score(marks) == COSINE.score(marks) == 0.75
    assert AGREEMENT.correct(marks).tolist() == [True, False, True, True]
