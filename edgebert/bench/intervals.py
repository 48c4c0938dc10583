"""Estimates with 95 % intervals from timings that are crossed: every text was timed in every round."""

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float64]  # [rounds, texts]

PERCENTILES = (50, 90, 95, 99)
ENOUGH = 20  # timings; with fewer, resampling says nothing about a tail

_RESAMPLES = 1000
_SEED = 20070501


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A value and the ends of its 95 % interval, which are None where there are too few timings for one."""

    value: float
    low: float | None
    high: float | None


def estimate(statistic: Callable[..., Table], *tables: Table) -> tuple[Estimate, ...]:
    """Estimate statistics of crossed timings with the pigeonhole bootstrap.

    Rounds and texts are drawn with replacement independently of each other, and the same draw is applied to all tables,
    so that paired statistics stay paired. The interval is from the 2.5th to the 97.5th percentile of the resampled
    statistic.
    Source: A. B. Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1(2), 2007, 386-411; percentile interval:
    B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.

    Args:
        statistic: takes the tables (resampled, of the same shape) and returns values [k].
        tables: float64 [rounds, texts], all of one shape.

    Returns:
        k estimates.
    """
    values = statistic(*tables)
    rounds, texts = tables[0].shape
    if rounds * texts < ENOUGH:
        return tuple(Estimate(float(value), None, None) for value in values)
    rng = np.random.default_rng(_SEED)
    resampled = np.empty((_RESAMPLES, len(values)))
    for row in resampled:
        chosen = np.ix_(rng.integers(rounds, size=rounds), rng.integers(texts, size=texts))
        row[:] = statistic(*(table[chosen] for table in tables))
    low, high = np.quantile(resampled, (0.025, 0.975), axis=0)
    return tuple(Estimate(*map(float, ends)) for ends in zip(values, low, high, strict=True))


def percentiles(times: Table) -> Table:
    """Return PERCENTILES of all timings, linear between the two nearest (Hyndman and Fan 1996, type 7)."""
    return np.asarray(np.percentile(times, PERCENTILES), np.float64)
