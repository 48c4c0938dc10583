"""Statistics of two models that answered the same texts: how far the second falls behind, and how sure that is."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from edgebert.accuracy.metrics import Marks, Metric

Z = 1.959963984540054  # of a two-sided 95 % interval

_RESAMPLES = 1000
_SEED = 20031127
_BISECTIONS = 60  # halvings of an interval of 1: beyond double precision


def share_interval(lost: float, won: float, texts: float) -> tuple[float, float]:
    """Return the 95 % score interval of the drop (lost - won) / texts of a share.

    The ends are the drops at which the score test of paired proportions gives z = 1.96: T. Tango, "Equivalence test and
    confidence interval for the difference in proportions for the paired-sample design", Statistics in Medicine 17
    (1998), 891-908, equations 9 to 11. It keeps its coverage where almost no text is answered differently, which is
    when a normal interval shrinks to nothing.

    Args:
        lost: texts that the first model alone answers right.
        won: texts that the second alone answers right.
        texts: all of them; counts may be fractions of a text, for planning.
    """
    drop = (lost - won) / texts
    low = _crossing(lambda at: _score(at, lost, won, texts) - Z, -1.0, drop)
    high = _crossing(lambda at: _score(at, lost, won, texts) + Z, drop, 1.0)
    return low, high


def _score(drop: float, lost: float, won: float, texts: float) -> float:
    """Return Tango's statistic of the hypothesis that the drop is ``drop``."""
    linear = -lost - won + (2 * texts - lost + won) * drop
    constant = -won * drop * (1 - drop)
    root = math.sqrt(max(linear**2 - 8 * texts * constant, 0.0))
    only_won = (root - linear) / (4 * texts)  # the likeliest share of texts that the second alone answers right
    variance = texts * (2 * only_won + drop * (1 - drop))
    distance = lost - won - texts * drop
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _crossing(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def bootstrap_interval(metric: Metric, first: Marks, second: Marks) -> tuple[float, float]:
    """Return the 95 % interval of the drop of any metric, from texts drawn again with replacement.

    Both models are scored on the same draw, and the interval is from the 2.5th to the 97.5th percentile (B. Efron and
    R. Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3). Where answers are right or wrong, each draw is
    made from the texts and two more: one that the first model alone answers right and one that the second alone does.
    Without them models that give the same answers to ten texts would be proven equal. For shares it is the adjustment
    of A. Agresti and Y. Min, Statistics in Medicine 24 (2005), 729-740. The same marks give the same interval.

    Args:
        metric: what is compared.
        first: marks of the first model, float64 [texts, columns].
        second: marks of the second model on the same texts.
    """
    drops = [metric.score(one) - metric.score(other) for one, other in draws(metric, first, second)]
    return ends(drops)


def draws(metric: Metric, first: Marks, second: Marks) -> Iterator[tuple[Marks, Marks]]:
    """Yield the marks of both models on texts that are drawn again, as `bootstrap_interval` describes it."""
    rng = np.random.default_rng(_SEED)
    texts, pools = len(first), _pools(metric, first, second)
    for _ in range(_RESAMPLES):
        drawn = rng.integers(texts + len(pools) - 1, size=texts)
        counts = [int((drawn < texts).sum()), *((drawn == texts + more).sum() for more in range(len(pools) - 1))]
        rows = [rng.integers(len(pool[0]), size=count) for pool, count in zip(pools, counts, strict=True)]
        one, other = (np.vstack([pool[side][row] for pool, row in zip(pools, rows, strict=True)]) for side in (0, 1))
        yield one, other


def ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the 2.5th and the 97.5th percentile of what was computed on each draw."""
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)


def _pools(metric: Metric, first: Marks, second: Marks) -> list[tuple[Marks, Marks]]:
    """Return the marks to draw from: of the texts, of texts that only the first got right, that only the second did."""
    pools = [(first, second)]
    if metric.correct is not None and metric.wrong is not None:
        right = first[metric.correct(first)]
        pools += [(right, metric.wrong(right))] if len(right) else []
        right = second[metric.correct(second)]
        pools += [(metric.wrong(right), right)] if len(right) else []
    return pools


def mcnemar(lost: int, won: int) -> float:
    """Return the two-sided p-value of McNemar's exact test: that both models are right equally often.

    Q. McNemar, Psychometrika 12 (1947), 153-157, with the binomial distribution in place of its limit: of the texts
    that exactly one model gets right, each is either's with the chance of 1/2.
    """
    discordant = lost + won
    whole = math.lgamma(discordant + 1) - discordant * math.log(2)
    chances = (
        math.exp(whole - math.lgamma(count + 1) - math.lgamma(discordant - count + 1))
        for count in range(min(lost, won) + 1)
    )
    return min(1.0, 2 * math.fsum(chances))
