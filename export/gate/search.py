"""Find the fastest mix of INT8 and float that passes, greedily and within a time."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from edgebert.accuracy.verdict import Judgement
from edgebert.export.gate.outcome import Attempt
from edgebert.export.mix import Mix

Judge = Callable[[Mix], Judgement]


class _OutOfTime(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Found:
    """The fastest mix that passed, None where none did; everything that was tried; whether time ran out."""

    best: Attempt | None
    attempts: tuple[Attempt, ...]
    out_of_time: bool


class Search:
    """Tries mixes; each is judged once."""

    def __init__(
        self, judge: Judge, accepts: Callable[[Judgement], bool], costs: Mapping[str, int], more: Callable[[], bool]
    ) -> None:
        """Prepare a search.

        Args:
            judge: makes the model of a mix and judges it.
            accepts: says whether a judgement is good enough.
            costs: products that each linear layer computes for a token.
            more: says whether there is time for another attempt; the first is always made.
        """
        self._judge, self._accepts, self._more = judge, accepts, more
        self._costs = costs
        self._tried: dict[Mix, Attempt] = {}

    def attempt(self, mix: Mix) -> Attempt:
        """Judge a mix, or recall how it was judged."""
        if mix not in self._tried:
            if self._tried and not self._more():
                raise _OutOfTime
            share = sum(self._costs[name] for name in mix.floats) / sum(self._costs.values())
            self._tried[mix] = Attempt(mix, self._judge(mix), share)
        return self._tried[mix]

    def run(self, settings: Sequence[str], rank: Callable[[], Sequence[str]]) -> Found:
        """Search for the fastest mix.

        All layers in INT8 come first, in each setting. From the setting that lost least, layers then return to float in
        the order of their rank: 1, 2, 4 and so on until it passes, halving back to the fewest. At the end each of them,
        the costliest first, is put back to INT8 where it passes without it.

        Args:
            settings: ways to quantize, the first one as it is.
            rank: gives the linear layers, the one to return first; called where no setting alone will do.
        """
        out_of_time = False
        try:
            if not any(self._passes(Mix(setting)) for setting in settings):
                setting = min(settings, key=lambda each: self.attempt(Mix(each)).judgement.drop)
                fewest = self._fewest(setting, list(rank()))
                if fewest is not None:
                    self._put_back(setting, fewest)
        except _OutOfTime:
            out_of_time = True
        passed = [attempt for attempt in self._tried.values() if self._accepts(attempt.judgement)]
        best = min(passed, key=lambda attempt: attempt.float_share, default=None)
        return Found(best, tuple(self._tried.values()), out_of_time)

    def _passes(self, mix: Mix) -> bool:
        return self._accepts(self.attempt(mix).judgement)

    def _fewest(self, setting: str, ranked: Sequence[str]) -> frozenset[str] | None:
        """Return the shortest beginning of the ranked layers that passes in float; None where not even all do."""

        def passes(count: int) -> bool:
            return self._passes(Mix(setting, frozenset(ranked[:count])))

        failed, count = 0, 1
        while not passes(count):
            if count == len(ranked):
                return None
            failed, count = count, min(2 * count, len(ranked))
        while count - failed > 1:
            middle = (failed + count) // 2
            failed, count = (failed, middle) if passes(middle) else (middle, count)
        return frozenset(ranked[:count])

    def _put_back(self, setting: str, floats: frozenset[str]) -> None:
        for layer in sorted(floats, key=lambda name: (-self._costs[name], name)):
            fewer = floats - {layer}
            if self._passes(Mix(setting, fewer)):
                floats = fewer
