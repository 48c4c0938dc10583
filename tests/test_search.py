"""The search for the fastest mix: its order, where it stops, and how often it passes what loses too much."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from edgebert.accuracy.metrics import ACCURACY
from edgebert.accuracy.verdict import Judgement, judge
from edgebert.export.gate.outcome import Attempt
from edgebert.export.gate.search import descend, ladder
from edgebert.export.gate.sensitivity import ranked
from edgebert.export.judges import relative_error
from edgebert.export.mix import Mix

LIMIT = 1.0


def attempt_of(loses):
    """What judges a mix by what it is known to lose, and the mixes that it was asked for."""
    judged = []

    def attempt(mix):
        judged.append(mix)
        drop = loses(mix)
        verdict = "passed" if drop <= LIMIT else "failed"
        found = Judgement("accuracy", 1000, 90.0, 90 - drop, drop, drop, drop, None, None, None, LIMIT, verdict, None)
        return Attempt(mix, found, float(len(mix.floats)))

    return attempt, judged


def passed(judgement):
    return judgement.verdict == "passed"


@settings(deadline=None)
@given(st.integers(1, 60))
def test_the_order_goes_from_all_layers_in_float_to_none(count):
    ranked = [f"layer {at}" for at in range(count)]
    mixes = ladder("smooth", ["plain", "smooth", "other"], ranked)
    sizes = [len(mix.floats) for mix in mixes]
    assert sizes[0] == count and sizes[-3:] == [1, 0, 0] and sizes == sorted(sizes, reverse=True)
    assert all(few == many - 1 or few >= 0.6 * many for many, few in itertools.pairwise(sizes))
    assert all(mix.floats == frozenset(ranked[: len(mix.floats)]) for mix in mixes)
    assert [mix.setting for mix in mixes if not mix.floats] == ["smooth", "other"]
    assert {mix.setting for mix in mixes if mix.floats} == {"smooth"}
    assert len(mixes) == len(set(mixes)) and Mix("plain") not in mixes


def test_layers_are_ranked_by_their_damage_for_a_product_and_unknown_ones_are_taken_for_the_worst():
    costs = {"small": 1, "big": 10, "cheap": 1, "unknown": 5}
    assert ranked(costs, {"small": 0.2, "big": 1.0, "cheap": 0.01}) == ["unknown", "small", "big", "cheap"]


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_outputs_that_are_not_numbers_are_the_worst(broken):
    expected = [np.ones(3, np.float32), np.ones(3, np.float32)]
    bad = [np.ones(3, np.float32), np.array([1, broken, 1], np.float32)]
    assert relative_error(expected, [3 * each for each in expected]) == 2
    assert 1e5 < relative_error(expected, bad) < np.inf


def test_the_only_setting_with_all_layers_in_int8_was_judged_before():
    assert ladder("plain", ["plain"], ["a", "b"]) == [Mix("plain", frozenset("ab")), Mix("plain", frozenset("a"))]


@settings(deadline=None)
@given(st.lists(st.floats(0, 3), min_size=1, max_size=24))
def test_the_first_mix_that_does_not_pass_ends_it(values):
    losses = {f"layer {at}": value for at, value in enumerate(values)}
    ranked = sorted(losses, key=lambda name: -losses[name])
    mixes = ladder("plain", ["other", "plain"], ranked)
    attempt, judged = attempt_of(lambda mix: sum(loss for name, loss in losses.items() if name not in mix.floats))
    found = descend(mixes, attempt, passed, lambda: True)
    assert judged == mixes[: len(judged)] == [each.mix for each in found.attempts]
    assert found.best is found.attempts[-1] or found.best is found.attempts[-2]
    assert passed(found.best.judgement) and not found.out_of_time
    following = mixes.index(found.best.mix) + 1
    assert following == len(mixes) or not passed(attempt(mixes[following]).judgement)


def test_nothing_passes():
    attempt, judged = attempt_of(lambda mix: 5.0)
    found = descend(ladder("plain", ["plain"], ["a", "b"]), attempt, passed, lambda: True)
    assert (found.best, found.out_of_time, judged) == (None, False, [Mix("plain", frozenset("ab"))])


@pytest.mark.parametrize("attempts", range(6))
def test_the_time_is_kept_and_the_best_so_far_is_returned(attempts):
    left = iter([True] * attempts + [False] * 20)
    attempt, judged = attempt_of(lambda mix: 0.0)
    found = descend(ladder("plain", ["plain"], [f"{at}" for at in range(12)]), attempt, passed, lambda: next(left))
    assert len(judged) == attempts and found.out_of_time
    assert found.best == (found.attempts[-1] if attempts else None)


TEXTS, LAYERS, RUNS = 600, 24, 1500
CHANGED = 0.01  # share of texts that INT8 alone answers right


@functools.cache
def judgement(lost, won):
    marks = np.ones((2, TEXTS, 2))
    marks[1, :lost, 1] = marks[0, lost : lost + won, 1] = 0
    return judge(ACCURACY, *marks, LIMIT)


def sampled_attempt(generator, drops, common):
    """What judges mixes on one simulated test set.

    A text is lost or won by a mix where a normal number of the text and the mix is beyond a quantile; ``common`` is the
    correlation of these numbers between mixes. ``drops`` has the true drop by the number of layers in float, in points.
    """
    shared = np.sqrt(common) * generator.standard_normal(TEXTS)
    won_below, known = norm.ppf(CHANGED), {}

    def attempt(mix):
        if mix not in known:
            latent = shared + np.sqrt(1 - common) * generator.standard_normal(TEXTS)
            lost_above = norm.isf(CHANGED + drops(len(mix.floats)) / 100)
            counts = int((latent > lost_above).sum()), int((latent < won_below).sum())
            known[mix] = Attempt(mix, judgement(*counts), len(mix.floats))
        return known[mix]

    return attempt


def settled(attempt):
    """What the gate does: the mix with every layer in INT8, then the search; the number of layers left in float."""
    if passed(attempt(Mix("plain")).judgement):
        return 0
    found = descend(ladder("plain", ["plain"], list(range(LAYERS))), attempt, passed, lambda: True)
    return None if found.best is None else len(found.best.mix.floats)


def first_that_passes(attempt):
    """A search that goes up until something passes, which the order of the ladder is there to avoid."""
    counts = (0, *(len(mix.floats) for mix in reversed(ladder("plain", ["plain"], range(LAYERS)))))
    return next((n for n in counts if passed(attempt(Mix("plain", frozenset(range(n)))).judgement)), None)


def all_at_the_limit(floats):
    return LIMIT


def half_at_the_limit(floats):
    return LIMIT if floats < LAYERS // 2 else 0.0


@pytest.mark.parametrize("drops", [all_at_the_limit, half_at_the_limit])
@pytest.mark.parametrize("common", [0.0, 0.7])
def test_what_loses_too_much_passes_no_more_often_than_two_intervals_allow(drops, common):
    """Every mix that loses too much is right at the limit, where passing it by luck is likeliest."""
    falsely = {settled: 0, first_that_passes: 0}
    for run in range(RUNS):
        attempt = sampled_attempt(np.random.default_rng(run), drops, common)
        for search in falsely:
            chosen = search(attempt)
            falsely[search] += chosen is not None and drops(chosen) >= LIMIT
    nominal = 2 * 0.025  # the upper ends of the first interval and of one of the search
    noise = 2 * np.sqrt(nominal * (1 - nominal) / RUNS)
    assert falsely[settled] / RUNS <= nominal + noise
    assert falsely[first_that_passes] / RUNS > 2 * nominal
