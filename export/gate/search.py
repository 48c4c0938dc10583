"""Find the fastest mix of INT8 and float that passes, without passing one by luck.

Mixes are judged in an order that is settled before the first of them is, from the slowest to the fastest, and the first
that does not pass ends the search. A mix that loses too much can then only be chosen if the first such mix in the order
passes, and that is one judgement, whose level needs no correction for how many others there were: fixed-sequence
testing, W. Maurer, L. A. Hothorn and W. Lehmacher, "Multiple comparisons in drug clinical trials and preclinical
assays", 1995; for choosing among models A. N. Angelopoulos et al., "Learn then Test", arXiv 2110.01052, section 2.3.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from edgebert.accuracy.verdict import Judgement
from edgebert.export.gate.outcome import Attempt
from edgebert.export.mix import Mix


@dataclasses.dataclass(frozen=True)
class Found:
    """The fastest mix that passed, None where none did; everything that was tried; whether time ran out."""

    best: Attempt | None
    attempts: tuple[Attempt, ...]
    out_of_time: bool


def ladder(safest: str, settings: Sequence[str], ranked: Sequence[str]) -> list[Mix]:
    """Return the mixes to try, from the slowest to the fastest.

    All layers are in float first. From one mix to the next a quarter of those that still are, but at least one, returns
    to INT8, the least damaging ones. At the end every layer is in INT8, in one setting after another.

    Args:
        safest: the setting in which layers return.
        settings: all settings, from the least damaging; the first one with all layers in INT8 was judged before.
        ranked: the linear layers, the most damaging first. Nothing in the order may come from the judged texts.
    """
    counts = [len(ranked)]
    while counts[-1] > 1:
        counts.append(3 * counts[-1] // 4)
    floats = [Mix(safest, frozenset(ranked[:count])) for count in counts]
    return floats + [Mix(setting) for setting in dict.fromkeys((safest, *settings)) if setting != settings[0]]


def descend(
    mixes: Iterable[Mix],
    attempt: Callable[[Mix], Attempt],
    accepts: Callable[[Judgement], bool],
    more: Callable[[], bool],
) -> Found:
    """Try mixes one by one until one is not accepted.

    Args:
        mixes: in the order of `ladder`.
        attempt: makes the model of a mix and judges it.
        accepts: says whether a judgement is good enough.
        more: says whether there is time for another attempt.
    """
    best: Attempt | None = None
    attempts: list[Attempt] = []
    for mix in mixes:
        if not more():
            return Found(best, tuple(attempts), out_of_time=True)
        attempts.append(attempt(mix))
        if not accepts(attempts[-1].judgement):
            break
        best = attempts[-1]
    return Found(best, tuple(attempts), out_of_time=False)
