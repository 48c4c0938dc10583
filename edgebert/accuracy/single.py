"""How sure the score of one model is."""

import math

from edgebert.accuracy.metrics import Marks, Metric
from edgebert.accuracy.paired import Z, draws, ends


def score_interval(metric: Metric, marks: Marks) -> tuple[float, float]:
    """Return the 95 % interval of a model's score: Wilson's for a share, else that of `paired.bootstrap_interval`.

    Args:
        metric: what is measured.
        marks: of the texts, float64 [texts, columns], at least one.
    """
    if metric.is_share and metric.correct is not None:
        return wilson_interval(int(metric.correct(marks).sum()), len(marks))
    return ends([metric.score(drawn) for drawn, _ in draws(metric, marks, marks)])


def wilson_interval(right: int, texts: int) -> tuple[float, float]:
    """Return the 95 % score interval of the share of texts that are answered right.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), 209-212: the shares from which the observed one is z = 1.96 away.
    """
    share, spread = right / texts, Z**2 / texts
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
