"""Interleaved rounds: contestants answer the same text in turn, so that drift of the machine cancels in ratios."""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Run = Callable[[int], object]  # answers the text with this index


def interleave(
    contestants: Sequence[Callable[[], Run]],
    texts: int,
    rounds: int,
    clock: Callable[[], int] = time.perf_counter_ns,
    on_round: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.int64]:
    """Time every contestant on every text in every round; only one runs at a time.

    Contestants are opened afresh for each round: where a model's weights come to lie in memory changes its speed by a
    few percent for as long as it is open, and only so is that luck seen in the differences between rounds. Before its
    timed run on a text, each contestant answers the same text once untimed, because the one before it has filled the
    caches with other weights; a device runs one model.

    Args:
        contestants: functions that open a contestant and return what runs it.
        texts: number of texts, at least 1.
        rounds: number of rounds, at least 1.
        clock: returns nanoseconds.
        on_round: called after each round.

    Returns:
        int64 [contestants, rounds, texts] nanoseconds.
    """
    times = np.empty((len(contestants), rounds, texts), np.int64)
    for number in range(rounds):
        places = order(len(contestants), number)
        runs = {place: contestants[place]() for place in places}
        with _no_collection():
            for text in range(texts):
                for place in places:
                    times[place, number, text] = _time(runs[place], text, clock)
        on_round()
    return times


def _time(run: Run, text: int, clock: Callable[[], int]) -> int:
    run(text)
    start = clock()
    run(text)
    return clock() - start


def order(contestants: int, number: int) -> tuple[int, ...]:
    """Return the order of a round: it turns by one place every second round and is reversed in odd rounds."""
    shift = number // 2 % contestants
    turned = (*range(shift, contestants), *range(shift))
    return turned[::-1] if number % 2 else turned


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collector from running inside a timed run."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
