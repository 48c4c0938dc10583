"""The verdict of the gate, and the number of texts that would settle it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgebert.accuracy.metrics import ACCURACY, COSINE, MACRO_F1, SPEARMAN
from edgebert.accuracy.verdict import judge
from edgebert.errors import InputError


def answers(lost, won, both, neither=0):
    """Marks of a baseline and a model that alone are right on ``lost`` and ``won`` texts."""
    right, wrong = [[1.0, 1.0]], [[1.0, 0.0]]
    return (
        np.array(right * lost + wrong * won + right * both + wrong * neither),
        np.array(wrong * lost + right * won + right * both + wrong * neither),
    )


@pytest.mark.parametrize(
    ("lost", "won", "both", "limit", "verdict"),
    [
        (0, 0, 1000, 0.5, "passed"),
        (0, 0, 100, 0.5, "unresolved"),
        (10, 8, 3000, 0.5, "passed"),
        (10, 8, 300, 1.0, "unresolved"),
        (40, 2, 1000, 0.5, "failed"),
        (5, 0, 995, 0.5, "unresolved"),
        (6, 0, 994, 0.5, "failed"),
        (0, 30, 1000, 0.0, "passed"),
        (0, 0, 10**5, 0.0, "unresolved"),
    ],
)
def test_passed_failed_or_not_to_be_told(lost, won, both, limit, verdict):
    found = judge(ACCURACY, *answers(lost, won, both), limit)
    assert found.verdict == verdict
    assert found.drop == pytest.approx(100 * (lost - won) / (lost + won + both))
    assert (found.lost, found.won, found.texts) == (lost, won, lost + won + both)
    assert found.baseline - found.score == pytest.approx(found.drop)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(10, 100), st.floats(0.5, 5))
def test_so_many_texts_settle_it_and_fewer_do_not(lost, won, both, limit):
    found = judge(ACCURACY, *answers(lost, won, both), limit)
    assume(found.verdict == "unresolved" and found.needed is not None and found.needed < 5000)
    enough = -(-found.needed // found.texts)
    assert judge(ACCURACY, *answers(lost * enough, won * enough, both * enough), limit).verdict == "passed"
    few = int(0.99 * found.needed) // found.texts
    assert few == 0 or judge(ACCURACY, *answers(lost * few, won * few, both * few), limit).verdict == "unresolved"


def test_needed_texts_without_a_difference_are_those_of_the_rule_of_three():
    assert judge(ACCURACY, *answers(0, 0, 50), 0.5).needed == pytest.approx(3.84 / 0.005, rel=0.02)


def test_no_number_of_texts_proves_a_drop_of_zero():
    found = judge(ACCURACY, *answers(0, 0, 500), 0.0)
    assert (found.verdict, found.needed) == ("unresolved", None)
    assert judge(ACCURACY, *answers(5, 0, 995), 0.5).needed is None


def test_intervals_of_other_metrics_shrink_with_the_root_of_the_texts():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, (300, 1)) * np.ones((1, 2))
    second = first.copy()
    second[rng.random(300) < 0.04, 1] = 5
    judged = judge(MACRO_F1, first, second, 100.0)
    limit = (judged.drop + judged.high) / 2
    found = judge(MACRO_F1, first, second, limit)
    assert found.verdict == "unresolved"
    assert found.needed == pytest.approx(4 * 300, abs=1)  # half as wide
    many = judge(MACRO_F1, np.tile(first, (4, 1)), np.tile(second, (4, 1)), limit)
    assert many.high - many.drop == pytest.approx(limit - judged.drop, rel=0.25)


def test_metrics_without_right_and_wrong_have_no_mcnemar():
    cosines = judge(COSINE, np.ones((50, 1)), np.full((50, 1), 0.99), 2.0)
    assert (cosines.p_value, cosines.lost, cosines.verdict) == (None, None, "passed")
    assert cosines.drop == pytest.approx(1.0)


def test_scores_that_never_vary_and_no_texts_are_refused():
    flat = np.array([[1.0, 1.0], [1.0, 2.0]])
    with pytest.raises(InputError, match="Spearman of 2 texts is not defined: give texts with different scores"):
        judge(SPEARMAN, flat, flat, 0.5)
    with pytest.raises(InputError, match="there are no texts"):
        judge(COSINE, np.ones((0, 1)), np.ones((0, 1)), 0.5)
