"""Has a model lost more than it may? The answer from the marks that it and its baseline got on the same texts."""

import dataclasses
import math
from typing import Literal

from edgebert.accuracy.metrics import Marks, Metric
from edgebert.accuracy.paired import bootstrap_interval, mcnemar, share_interval
from edgebert.errors import InputError

Verdict = Literal["passed", "failed", "unresolved"]

_POINTS = 100
_SLACK = 1e-9  # points; a drop of 5 in 1000 texts is no more than 0.5
_MOST_TEXTS = 1 << 40


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What was found; scores and drops are in points, hundredths of the metric.

    Attributes:
        metric: its name.
        texts: how many both models answered.
        baseline: score of the baseline.
        score: score of the model.
        drop: baseline less score; below zero where the model is better.
        low: lower end of the 95 % interval of the drop.
        high: its upper end.
        lost: texts that the baseline alone answers right; None where answers are not right or wrong.
        won: texts that the model alone answers right.
        p_value: of McNemar's exact test that neither is better; None like ``lost``.
        limit: the drop that is allowed.
        verdict: ``passed`` where the upper end is within the limit, ``failed`` where the drop itself is over it.
        needed: about how many texts would settle it, at this drop and with as many answers that differ; None where no
            number would, or where it is settled.
    """

    metric: str
    texts: int
    baseline: float
    score: float
    drop: float
    low: float
    high: float
    lost: int | None
    won: int | None
    p_value: float | None
    limit: float
    verdict: Verdict
    needed: int | None


def judge(metric: Metric, baseline: Marks, found: Marks, limit: float) -> Judgement:
    """Compare the marks of a model with its baseline's.

    Args:
        metric: what is compared.
        baseline: marks of the baseline, float64 [texts, columns].
        found: marks of the model on the same texts.
        limit: the drop that is allowed, in points.

    Raises:
        InputError: there are no texts, or the metric says nothing about them.
    """
    if not len(baseline):
        raise InputError("there are no texts to judge a model on: give at least one")
    scores = metric.score(baseline), metric.score(found)
    if not all(map(math.isfinite, scores)):
        raise InputError(f"{metric.name} of {len(baseline)} texts is not defined: give texts with different scores")
    drop = _POINTS * (scores[0] - scores[1])
    discordant = _discordant(metric, baseline, found)
    if metric.is_share and discordant is not None:
        interval = share_interval(*discordant, len(baseline))
    else:
        interval = bootstrap_interval(metric, baseline, found)
    low, high = (_POINTS * end for end in interval)
    verdict = _verdict(drop, high, limit)
    return Judgement(
        metric=metric.name,
        texts=len(baseline),
        baseline=_POINTS * scores[0],
        score=_POINTS * scores[1],
        drop=drop,
        low=low,
        high=high,
        lost=discordant[0] if discordant else None,
        won=discordant[1] if discordant else None,
        p_value=mcnemar(*discordant) if discordant else None,
        limit=limit,
        verdict=verdict,
        needed=_needed(metric, discordant, len(baseline), drop, high, limit) if verdict == "unresolved" else None,
    )


def _discordant(metric: Metric, baseline: Marks, found: Marks) -> tuple[int, int] | None:
    """Count the texts that only the baseline, and that only the model answers right."""
    if metric.correct is None:
        return None
    first, second = metric.correct(baseline), metric.correct(found)
    return int((first & ~second).sum()), int((second & ~first).sum())


def _verdict(drop: float, high: float, limit: float) -> Verdict:
    if high <= limit + _SLACK:
        return "passed"
    return "failed" if drop > limit + _SLACK else "unresolved"


def _needed(
    metric: Metric, discordant: tuple[int, int] | None, texts: int, drop: float, high: float, limit: float
) -> int | None:
    """Return how many texts like these would bring the upper end of the interval down to the limit.

    The drop and the share of texts that are answered differently are taken to stay what they are. Intervals shrink with
    the square root of the texts; that of shares, which does not where nothing differs, is computed.
    """
    if limit - drop <= _SLACK:
        return None
    if not metric.is_share or discordant is None:
        return math.ceil(texts * ((high - drop) / (limit - drop)) ** 2)
    few, many = texts, texts
    while _upper(discordant, texts, many) > limit:
        many *= 2
        if many > _MOST_TEXTS:
            return None
    while many - few > max(1, few // 1000):
        middle = (few + many) // 2
        few, many = (few, middle) if _upper(discordant, texts, middle) <= limit else (middle, many)
    return many


def _upper(discordant: tuple[int, int], texts: int, planned: int) -> float:
    share = planned / texts
    return _POINTS * share_interval(discordant[0] * share, discordant[1] * share, planned)[1]
