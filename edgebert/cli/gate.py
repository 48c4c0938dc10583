"""What the release gate found, in lines for people."""

from collections.abc import Iterator, Mapping

from edgebert.manifest import Manifest

_NUMBERS = ("baseline", "score", "drop", "low", "high")


def gate_lines(manifest: Manifest, engine: str) -> Iterator[str]:
    """Yield what the manifest says of an engine's verdict and of the layers that stayed in float."""
    if engine in manifest.gate:
        yield _verdict(manifest.gate[engine])
    for layer, reason in sorted(manifest.float_layers.get(engine, {}).items()):
        yield f"in float: {layer}, {reason}"


def _verdict(gate: Mapping[str, float | int | str]) -> str:
    baseline, score, drop, low, high = (_points(gate.get(name)) for name in _NUMBERS)
    return (
        f"release gate {gate.get('verdict')}: {gate.get('metric')} {baseline} in FP32, {score} in INT8, drop {drop} "
        f"(95 % {low} to {high}), limit {gate.get('limit')}, {gate.get('texts')} texts of {gate.get('source')}"
    )


def _points(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, (int, float)) else str(value)
