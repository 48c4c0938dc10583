"""What the gate found, for the manifest, the report and people."""

import dataclasses
from collections.abc import Mapping

from edgebert.accuracy.verdict import Judgement
from edgebert.export.mix import Mix


@dataclasses.dataclass(frozen=True)
class Attempt:
    """A mix that was judged, and how many of all products of the linear layers it computes in float."""

    mix: Mix
    judgement: Judgement
    float_share: float


@dataclasses.dataclass(frozen=True)
class EngineOutcome:
    """What the gate found for one engine.

    Attributes:
        engine: name of the engine.
        chosen: what the bundle ships, or what came nearest where nothing passed.
        accepted: whether ``chosen`` may be shipped.
        attempts: all mixes that were judged, in order; the first has every layer in INT8.
        sensitivity: by linear layer, how far the outputs move where it alone is in INT8, as a share of their length;
            empty where no search was needed.
        others: judgements of the metrics that do not decide.
        note: what else there is to say; empty mostly.
    """

    engine: str
    chosen: Attempt
    accepted: bool
    attempts: tuple[Attempt, ...]
    sensitivity: Mapping[str, float]
    others: tuple[Judgement, ...]
    note: str

    @property
    def reasons(self) -> dict[str, str]:
        """Why each layer of the chosen mix stayed in float."""
        ranks = {name: rank for rank, name in enumerate(by_damage(self.sensitivity), 1)}
        return {name: self._reason(name, ranks.get(name)) for name in sorted(self.chosen.mix.floats)}

    def _reason(self, layer: str, rank: int | None) -> str:
        reasons = []
        if rank is not None:
            reasons.append(
                f"alone in INT8 it moves the outputs by {self.sensitivity[layer]:.1%}, "
                f"rank {rank} of {len(self.sensitivity)}"
            )
        tried = self._nearest_without(layer)
        if tried is not None:
            more = len(self.chosen.mix.floats) - len(tried.mix.floats) - 1
            which = f"it and {more} more" if more else "it"
            drop = f"{tried.judgement.drop:.2f} (up to {tried.judgement.high:.2f})"
            reasons.append(f"with {which} in INT8 the drop is {drop}")
        return "; ".join(reasons) or "needed to pass"

    def _nearest_without(self, layer: str) -> Attempt | None:
        """Return the attempt with the fewest of the chosen layers in INT8, this one among them."""
        setting, floats = self.chosen.mix.setting, self.chosen.mix.floats
        fewer = (
            attempt
            for attempt in self.attempts
            if attempt.mix.setting == setting and attempt.mix.floats < floats and layer not in attempt.mix.floats
        )
        return max(fewer, key=lambda attempt: len(attempt.mix.floats), default=None)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the gate found.

    Attributes:
        source: where the texts are from.
        sha256: of the texts and of what is expected.
        learned: how many of the texts are among those that quantization learned from.
        engines: one entry an engine, in the order of the manifest.
    """

    source: str
    sha256: str
    learned: int
    engines: tuple[EngineOutcome, ...]

    def to_json(self) -> dict[str, object]:
        """Return the section of ``report.json``."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            "learned": self.learned,
            "engines": {outcome.engine: _engine_json(outcome) for outcome in self.engines},
        }


def by_damage(sensitivity: Mapping[str, float]) -> list[str]:
    """Return the layers that were measured, the most damaging first."""
    return sorted(sensitivity, key=lambda name: -sensitivity[name])


def _engine_json(outcome: EngineOutcome) -> dict[str, object]:
    return {
        "accepted": outcome.accepted,
        "judgement": numbers(outcome.chosen.judgement),
        "other_metrics": [numbers(judgement) for judgement in outcome.others],
        "setting": outcome.chosen.mix.setting,
        "float_layers": outcome.reasons,
        "float_share": rounded(outcome.chosen.float_share),
        "attempts": [
            {
                "setting": attempt.mix.setting,
                "float_layers": sorted(attempt.mix.floats),
                "float_share": rounded(attempt.float_share),
                **numbers(attempt.judgement),
            }
            for attempt in outcome.attempts
        ],
        "sensitivity": [
            {"layer": name, "damage": rounded(outcome.sensitivity[name])} for name in by_damage(outcome.sensitivity)
        ],
        "note": outcome.note,
    }


def numbers(judgement: Judgement) -> dict[str, float | int | str]:
    """Return what there is of a judgement, with as many digits as say something."""
    fields = dataclasses.asdict(judgement)
    return {
        key: rounded(value) if isinstance(value, float) else value for key, value in fields.items() if value is not None
    }


def rounded(value: float) -> float:
    """Return a number with five digits."""
    return float(f"{value:.5g}")
