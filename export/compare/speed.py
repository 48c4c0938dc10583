"""The time of an answer, from text to label or vector, of all contenders in the same rounds."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from edgebert.bench.intervals import Table
from edgebert.bench.rounds import Run, interleave
from edgebert.models import Model
from edgebert.texts import Record


def time_answers(
    models: Sequence[Callable[[], Model]],
    texts: Sequence[Record],
    rounds: int,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> list[Table]:
    """Let every model answer every text in every round, one text at a time, as `edgebert.bench.rounds` describes.

    Args:
        models: open the models; all are open at once, anew in each round.
        texts: what is answered.
        rounds: how often.
        progress: told of each round.

    Returns:
        of each model the times of its answers, float64 [rounds, texts] milliseconds.
    """
    done = itertools.count(1)
    times = interleave(
        [_opener(model, texts) for model in models],
        len(texts),
        rounds,
        on_round=lambda: progress("rounds", next(done), rounds),
    )
    return list(times.astype(np.float64) / 1e6)


def _opener(opened: Callable[[], Model], texts: Sequence[Record]) -> Callable[[], Run]:
    def run() -> Run:
        model = opened()
        return lambda text: model.outputs([texts[text]])

    return run
