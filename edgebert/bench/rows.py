"""From timings to the rows of the report."""

import numpy as np

from edgebert.accuracy import Accuracy
from edgebert.bench.contestants import Contestant
from edgebert.bench.intervals import Table, estimate, percentiles
from edgebert.bench.report import Percentiles, Row


def model_row(
    contestant: Contestant, times: Table, tokens: list[int], reference: Table | None, accuracy: Accuracy | None
) -> Row:
    """Summarize one contestant.

    Args:
        contestant: who ran.
        times: float64 [rounds, texts] milliseconds.
        tokens: tokens of each text.
        reference: the baseline's times, shaped alike; None for the baseline itself and where there is none.
        accuracy: its distance from the baseline.
    """
    table = np.broadcast_to(np.asarray(tokens, np.float64), times.shape)
    found = estimate(_summary, times, table, times if reference is None else reference)
    return Row(
        name=contestant.name,
        engine=contestant.engine,
        precision=contestant.precision,
        is_baseline=contestant.is_baseline,
        latency_ms=Percentiles(*found[:4]),
        tokens_per_second=found[4],
        texts_per_second=found[5],
        times_faster=None if reference is None else found[6],
        accuracy=accuracy,
        cold_start=None,
        model_bytes=contestant.model_bytes,
    )


def tokenizer_row(times: Table) -> Percentiles:
    """Summarize the tokenizer's times, float64 [rounds, texts]."""
    return Percentiles(*estimate(percentiles, times))


def _summary(times: Table, tokens: Table, reference: Table) -> Table:
    """Return percentiles, tokens a second, texts a second, and the median of the ratios of paired times."""
    seconds = times.sum() / 1e3
    return np.array([*percentiles(times), tokens.sum() / seconds, times.size / seconds, np.median(reference / times)])
