"""The gate's findings in one line each."""

from edgebert.accuracy.verdict import Judgement
from edgebert.export.gate.outcome import EngineOutcome
from edgebert.export.mix import Mix

_SHOWN = 6  # layers


def describe(judgement: Judgement) -> str:
    """Say what was found, without the verdict."""
    return (
        f"{judgement.metric} {judgement.baseline:.2f} to {judgement.score:.2f}, drop {judgement.drop:.2f} "
        f"(95 % {judgement.low:.2f} to {judgement.high:.2f}), limit {judgement.limit:g}, {judgement.texts} texts"
    )


def describe_attempt(mix: Mix, judgement: Judgement) -> str:
    """Say which mix was tried and what came of it."""
    return f"{_mix(mix)}: {judgement.verdict}, {describe(judgement)}"


def refusal(outcome: EngineOutcome) -> str:
    """Say why an engine's model may not be shipped, and what to do."""
    judgement = outcome.chosen.judgement
    tried = f", {len(outcome.attempts)} tried" if len(outcome.attempts) > 1 else ""
    found = f"{outcome.engine}: {describe(judgement)} ({_mix(outcome.chosen.mix)}{tried})"
    if judgement.verdict == "unresolved":
        return f"{found}: cannot tell, {_needs(judgement.needed)}{_note(outcome)}"
    return f"{found}: lost too much{_note(outcome)}"


def _needs(needed: int | None) -> str:
    if needed is None:
        return "and no number of texts would: allow a drop above it"
    return f"needs about {needed} texts: give more, or --accept-unresolved"


def _note(outcome: EngineOutcome) -> str:
    return f"; {outcome.note}" if outcome.note else ""


def _mix(mix: Mix) -> str:
    floats = sorted(mix.floats)
    more = f" and {len(floats) - _SHOWN} more" if len(floats) > _SHOWN else ""
    kept = f"in float {', '.join(floats[:_SHOWN])}{more}" if floats else "all in INT8"
    return f"{mix.setting}, {kept}"
