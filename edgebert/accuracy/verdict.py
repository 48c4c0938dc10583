"""Has a model lost more than it may? The answer from the marks that it and its baseline got on the same texts."""

import dataclasses
import math
from typing import Literal

from edgebert.accuracy.difference import POINTS, Difference, difference
from edgebert.accuracy.metrics import Marks, Metric
from edgebert.accuracy.paired import share_interval

Verdict = Literal["passed", "failed", "unresolved"]

_SLACK = 1e-9  # points; a drop of 5 in 1000 texts is no more than 0.5
_MOST_TEXTS = 1 << 40


@dataclasses.dataclass(frozen=True)
class Judgement(Difference):
    """What was found, and what follows from it.

    Attributes:
        limit: the drop that is allowed, in points.
        verdict: ``passed`` where the upper end is within the limit, ``failed`` where the drop itself is over it.
        needed: about how many texts would settle it, at this drop and with as many answers that differ; None where no
            number would, or where it is settled.
    """

    limit: float
    verdict: Verdict
    needed: int | None


def judge(metric: Metric, baseline: Marks, found: Marks, limit: float) -> Judgement:
    """Compare the marks of a model with its baseline's; arguments and errors are those of `difference`.

    ``limit`` is the drop that is allowed, in points.
    """
    measured = difference(metric, baseline, found)
    verdict = _verdict(measured.drop, measured.high, limit)
    needed = _needed(measured, metric.is_share, limit) if verdict == "unresolved" else None
    return Judgement(**vars(measured), limit=limit, verdict=verdict, needed=needed)


def _verdict(drop: float, high: float, limit: float) -> Verdict:
    if high <= limit + _SLACK:
        return "passed"
    return "failed" if drop > limit + _SLACK else "unresolved"


def _needed(measured: Difference, is_share: bool, limit: float) -> int | None:
    """Return how many texts like these would bring the upper end of the interval down to the limit.

    The drop and the share of texts that are answered differently are taken to stay what they are. Intervals shrink with
    the square root of the texts; that of shares, which does not where nothing differs, is computed.
    """
    texts, drop = measured.texts, measured.drop
    if limit - drop <= _SLACK:
        return None
    if not is_share or measured.lost is None or measured.won is None:
        return math.ceil(texts * ((measured.high - drop) / (limit - drop)) ** 2)
    discordant = measured.lost, measured.won
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
    return POINTS * share_interval(discordant[0] * share, discordant[1] * share, planned)[1]
