"""Intervals and tests of paired answers: against their definitions, against scipy, and by how often they are right."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgebert.accuracy.metrics import ACCURACY, COSINE, ENTITY_F1, MACRO_F1, SPEARMAN
from edgebert.accuracy.paired import Z, bootstrap_interval, mcnemar, share_interval
from edgebert.accuracy.single import score_interval, wilson_interval

counts = st.integers(0, 30)


def score_statistic(drop, lost, won, texts):
    """Tango's statistic from its definition: the nuisance parameter by maximizing the likelihood."""
    same = texts - lost - won

    def minus_log_likelihood(only_won):
        chances = np.array([only_won + drop, only_won, 1 - drop - 2 * only_won])
        return -sum(n * np.log(max(p, 1e-300)) for n, p in zip((lost, won, same), chances, strict=True) if n)

    least, most = max(0.0, -drop), (1 - drop) / 2
    only_won = scipy.optimize.minimize_scalar(
        minus_log_likelihood, bounds=(least, most), method="bounded", options={"xatol": 1e-12}
    ).x
    return (lost - won - texts * drop) / np.sqrt(texts * (2 * only_won + drop * (1 - drop)))


@settings(deadline=None, max_examples=60)
@given(counts, counts, st.integers(1, 400))
def test_the_ends_of_the_interval_of_a_share_are_where_the_score_test_rejects(lost, won, same):
    texts = lost + won + same
    low, high = share_interval(lost, won, texts)
    assert -1 <= low <= (lost - won) / texts <= high <= 1
    assert score_statistic(low, lost, won, texts) == pytest.approx(Z, abs=2e-3)
    assert score_statistic(high, lost, won, texts) == pytest.approx(-Z, abs=2e-3)
    assert share_interval(won, lost, texts) == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize("texts", [10, 1821])
def test_without_a_difference_the_interval_is_not_empty(texts):
    end = Z**2 / (texts + Z**2)
    assert share_interval(0, 0, texts) == pytest.approx((-end, end))


def test_a_published_interval():
    """Of the R package contingencytables (Fagerland, Lydersen and Laake) on the data of Cavo et al. 2012."""
    assert share_interval(6, 16, 59 + 6 + 16 + 80) == pytest.approx((-0.1240, -0.0054), abs=5e-5)


@given(counts, counts)
def test_mcnemar_is_the_exact_binomial_test(lost, won):
    expected = scipy.stats.binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert mcnemar(lost, won) == pytest.approx(expected)


def test_mcnemar_of_many_texts():
    assert mcnemar(2000, 1900) == pytest.approx(scipy.stats.binomtest(1900, 3900).pvalue)


def coverage(draw, truth, interval, runs):
    found = [interval(*draw(np.random.default_rng(run))) for run in range(runs)]
    return np.mean([low <= truth <= high for low, high in found])


@pytest.mark.parametrize(("lost", "won", "texts"), [(0.02, 0.015, 200), (0.004, 0.002, 1000), (0.1, 0.05, 60)])
def test_the_interval_of_a_share_covers_the_truth(lost, won, texts):
    found = np.random.default_rng(0).multinomial(texts, [lost, won, 1 - lost - won], 1500)
    ends = {tuple(row): share_interval(row[0], row[1], texts) for row in found}
    share = np.mean([ends[tuple(row)][0] <= lost - won <= ends[tuple(row)][1] for row in found])
    assert 0.935 < share < 0.985


def answers(rng, texts=150, labels=4, error=0.15, flips=0.06):
    """A model that is often right, and one that differs from it now and then."""
    expected = rng.integers(0, labels, texts)
    first = np.where(rng.random(texts) < error, rng.integers(0, labels, texts), expected)
    second = np.where(rng.random(texts) < flips, rng.integers(0, labels, texts), first)
    return np.column_stack([expected, first]).astype(float), np.column_stack([expected, second]).astype(float)


def test_the_bootstrap_of_macro_f1_covers_the_truth(monkeypatch):
    monkeypatch.setattr("edgebert.accuracy.paired._RESAMPLES", 200)
    first, second = answers(np.random.default_rng(99), 200_000)
    truth = MACRO_F1.score(first) - MACRO_F1.score(second)
    assert 0.92 < coverage(answers, truth, lambda *marks: bootstrap_interval(MACRO_F1, *marks), 120) < 0.995


def likenesses(rng, texts=80):
    expected = rng.standard_normal(texts)
    first = expected + rng.standard_normal(texts)
    second = first + 0.3 * rng.standard_normal(texts)
    return np.column_stack([expected, first]), np.column_stack([expected, second])


def test_the_bootstrap_of_spearman_covers_the_truth(monkeypatch):
    monkeypatch.setattr("edgebert.accuracy.paired._RESAMPLES", 200)
    first, second = likenesses(np.random.default_rng(99), 200_000)
    truth = SPEARMAN.score(first) - SPEARMAN.score(second)
    assert 0.90 < coverage(likenesses, truth, lambda *marks: bootstrap_interval(SPEARMAN, *marks), 120) < 0.995


def test_pairing_makes_the_interval_narrow():
    first, second = likenesses(np.random.default_rng(0))
    low, high = bootstrap_interval(SPEARMAN, first, second)
    shuffled = second[np.random.default_rng(1).permutation(len(second))]
    wide_low, wide_high = bootstrap_interval(SPEARMAN, first, shuffled)
    assert high - low < (wide_high - wide_low) / 2


@pytest.mark.parametrize(
    ("metric", "marks"),
    [(MACRO_F1, np.array([[0.0, 0.0], [1.0, 1.0]] * 50)), (ENTITY_F1, np.array([[2.0, 2.0, 2.0], [0, 0, 0]] * 50))],
)
def test_the_bootstrap_does_not_prove_equality_with_few_texts(metric, marks):
    """About three in n, as the rule of three has it for something that was never seen."""
    low, high = bootstrap_interval(metric, marks, marks)
    assert 0.01 < high < 0.08
    assert -0.08 < low < -0.01
    assert bootstrap_interval(metric, np.repeat(marks, 20, axis=0), np.repeat(marks, 20, axis=0))[1] < 0.004


def test_the_bootstrap_of_a_mean_is_students_interval():
    rng = np.random.default_rng(0)
    first, second = np.ones((400, 1)), rng.beta(50, 1, (400, 1))
    low, high = bootstrap_interval(COSINE, first, second)
    differences = (first - second)[:, 0]
    half = Z * differences.std() / np.sqrt(len(differences))
    assert (low, high) == pytest.approx((differences.mean() - half, differences.mean() + half), abs=half / 5)


def test_the_same_marks_give_the_same_interval():
    marks = answers(np.random.default_rng(3))
    assert bootstrap_interval(ACCURACY, *marks) == bootstrap_interval(ACCURACY, *marks)


@given(counts, counts)
def test_the_interval_of_one_share_is_wilsons(right, wrong):
    assume(right + wrong)
    low, high = wilson_interval(right, right + wrong)
    expected = scipy.stats.binomtest(right, right + wrong).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-9)
    marks = np.column_stack([np.ones(right + wrong), np.arange(right + wrong) < right]).astype(float)
    assert score_interval(ACCURACY, marks) == (low, high)


def test_the_interval_of_one_score_covers_the_truth(monkeypatch):
    monkeypatch.setattr("edgebert.accuracy.paired._RESAMPLES", 200)
    truth = SPEARMAN.score(likenesses(np.random.default_rng(99), 200_000)[0])
    assert 0.90 < coverage(likenesses, truth, lambda marks, _: score_interval(SPEARMAN, marks), 120) < 0.995
    everything_right = np.array([[0.0, 0.0], [1.0, 1.0]] * 50)
    low, high = score_interval(MACRO_F1, everything_right)
    assert 0.92 < low < 0.99 and high == 1
