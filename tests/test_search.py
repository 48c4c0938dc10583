"""The search for the fastest mix, on models whose losses are known."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.accuracy.verdict import Judgement
from edgebert.export.gate.search import Search
from edgebert.export.mix import Mix

LIMIT = 1.0


def judgement(drop):
    verdict = "passed" if drop <= LIMIT else "failed"
    return Judgement("accuracy", 1000, 90.0, 90.0 - drop, drop, drop, drop, None, None, None, LIMIT, verdict, None)


def search(losses, costs=None, attempts=1000, gain=None):
    """A search among layers that each lose something in INT8; ``gain`` is what a setting loses on top."""
    left = itertools.count()
    judged = []

    def judge(mix):
        judged.append(mix)
        lost = sum(loss for name, loss in losses.items() if name not in mix.floats)
        return judgement(lost + (gain or {}).get(mix.setting, 0.0))

    found = Search(
        judge,
        lambda each: each.verdict == "passed",
        costs or dict.fromkeys(losses, 1),
        lambda: next(left) < attempts - 1,
    )
    return found, judged


def by_loss(losses):
    return sorted(losses, key=lambda name: -losses[name])


def test_what_passes_at_once_is_not_searched():
    task, judged = search({"a": 0.3, "b": 0.3})
    found = task.run(["plain"], lambda: pytest.fail("layers need no rank"))
    assert (found.best.mix, found.best.float_share, judged) == (Mix("plain"), 0.0, [Mix("plain")])


def test_another_setting_is_preferred_to_float():
    task, judged = search({"a": 0.3, "b": 0.3}, gain={"plain": 5, "smooth": 0})
    assert task.run(["plain", "smooth"], list).best.mix == Mix("smooth")
    assert len(judged) == 2


def test_layers_return_in_the_setting_that_lost_least():
    losses = {"a": 3.0, "b": 0.1}
    task, _ = search(losses, gain={"plain": 5, "smooth": 0.2})
    assert task.run(["plain", "smooth"], lambda: by_loss(losses)).best.mix == Mix("smooth", frozenset("a"))


@settings(deadline=None)
@given(st.lists(st.floats(0, 3), min_size=1, max_size=24))
def test_the_fewest_layers_of_the_ranking_return(values):
    losses = {f"layer {at}": value for at, value in enumerate(values)}
    ranked = by_loss(losses)
    task, judged = search(losses)
    found = task.run(["plain"], lambda: ranked)
    fewest = next(count for count in range(len(ranked) + 1) if sum(losses[name] for name in ranked[count:]) <= LIMIT)
    assert found.best.mix.floats == frozenset(ranked[:fewest])
    assert not found.out_of_time
    assert len(judged) == len(set(judged)) == len(found.attempts)
    assert len(judged) <= 2 + 2 * len(ranked).bit_length() + fewest


def test_a_costly_layer_that_is_not_needed_is_put_back():
    losses = {"small": 0.9, "big": 1.0, "needed": 5.0}
    costs = {"small": 1, "big": 10, "needed": 4}
    task, _ = search(losses, costs)
    found = task.run(["plain"], lambda: ["big", "small", "needed"])
    assert found.best.mix.floats == frozenset({"small", "needed"})
    assert found.best.float_share == pytest.approx(5 / 15)


def test_nothing_passes():
    losses = {"a": 2.0, "b": 1.0}
    task, _ = search(losses, gain={"plain": 9})
    found = task.run(["plain"], lambda: by_loss(losses))
    assert found.best is None and not found.out_of_time
    assert [len(attempt.mix.floats) for attempt in found.attempts] == [0, 1, 2]


@pytest.mark.parametrize("attempts", range(1, 9))
def test_the_time_is_kept_and_the_best_so_far_is_returned(attempts):
    losses = {f"layer {at}": 1.0 for at in range(12)}
    task, judged = search(losses, attempts=attempts)
    found = task.run(["plain"], lambda: by_loss(losses))
    assert len(judged) == attempts and found.out_of_time
    passed = [attempt for attempt in found.attempts if attempt.judgement.verdict == "passed"]
    assert (found.best is None) == (not passed)
    if passed:
        assert found.best.float_share == min(attempt.float_share for attempt in passed)
