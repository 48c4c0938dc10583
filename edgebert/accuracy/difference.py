"""How far a model falls behind another one on the same texts, and how sure that is."""

import dataclasses
import math

from edgebert.accuracy.metrics import Marks, Metric
from edgebert.accuracy.paired import bootstrap_interval, mcnemar, share_interval
from edgebert.errors import InputError

POINTS = 100


@dataclasses.dataclass(frozen=True)
class Difference:
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


def difference(metric: Metric, baseline: Marks, found: Marks) -> Difference:
    """Compare the marks of a model with its baseline's.

    Args:
        metric: what is compared.
        baseline: marks of the baseline, float64 [texts, columns].
        found: marks of the model on the same texts.

    Raises:
        InputError: there are no texts, or the metric says nothing about them.
    """
    if not len(baseline):
        raise InputError("there are no texts to judge a model on: give at least one")
    scores = metric.score(baseline), metric.score(found)
    if not all(map(math.isfinite, scores)):
        raise InputError(f"{metric.name} of {len(baseline)} texts is not defined: give texts with different scores")
    discordant = _discordant(metric, baseline, found)
    if metric.is_share and discordant is not None:
        interval = share_interval(*discordant, len(baseline))
    else:
        interval = bootstrap_interval(metric, baseline, found)
    low, high = (POINTS * end for end in interval)
    return Difference(
        metric=metric.name,
        texts=len(baseline),
        baseline=POINTS * scores[0],
        score=POINTS * scores[1],
        drop=POINTS * (scores[0] - scores[1]),
        low=low,
        high=high,
        lost=discordant[0] if discordant else None,
        won=discordant[1] if discordant else None,
        p_value=mcnemar(*discordant) if discordant else None,
    )


def _discordant(metric: Metric, baseline: Marks, found: Marks) -> tuple[int, int] | None:
    """Count the texts that only the baseline, and that only the model answers right."""
    if metric.correct is None:
        return None
    first, second = metric.correct(baseline), metric.correct(found)
    return int((first & ~second).sum()), int((second & ~first).sum())
