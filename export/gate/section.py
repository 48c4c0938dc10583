"""The gate's section of the report for people."""

from collections.abc import Mapping
from typing import Any

_MOST = 10  # layers of the ranking that are shown


def gate_section(gate: Mapping[str, Any]) -> list[str]:
    """Return the lines that tell what `outcome.Outcome.to_json` holds."""
    lines = ["## Release gate", "", f"Judged on {gate['source']}, points are hundredths of the metric.", ""]
    lines += [
        "| engine | metric | texts | FP32 | INT8 | drop (95 % interval) | limit | McNemar p | verdict |",
        f"|{' --- |' * 9}",
    ]
    for engine, found in gate["engines"].items():
        lines += [_row(engine, judgement) for judgement in (found["judgement"], *found["other_metrics"])]
    lines += ["", "The first metric of an engine decides.", ""]
    if gate["learned"]:
        lines += [f"{gate['learned']} of the texts are among those that INT8 learned from: others may lose more.", ""]
    for engine, found in gate["engines"].items():
        lines += [*_floats(engine, found), *_attempts(engine, found), *_ranking(engine, found)]
    return lines


def _row(engine: str, judgement: Mapping[str, Any]) -> str:
    drop = f"{judgement['drop']:.2f} ({judgement['low']:.2f} to {judgement['high']:.2f})"
    cells = (
        engine,
        judgement["metric"],
        judgement["texts"],
        f"{judgement['baseline']:.2f}",
        f"{judgement['score']:.2f}",
        drop,
        f"{judgement['limit']:g}",
        f"{judgement['p_value']:.2g}" if "p_value" in judgement else "",
        judgement["verdict"],
    )
    return f"| {' | '.join(map(str, cells))} |"


def _floats(engine: str, found: Mapping[str, Any]) -> list[str]:
    if not found["float_layers"]:
        return [f"{engine}: every linear layer of the encoder is INT8.", ""]
    lines = [f"{engine}: in float, {found['float_share']:.0%} of the products of the linear layers:", ""]
    lines += [f"- `{name}`: {why}" for name, why in found["float_layers"].items()]
    first = found["attempts"][0]
    if first["verdict"] == "unresolved":
        enough = f"about {first['needed']} would" if "needed" in first else "no number would"
        lines += ["", f"Whether every layer can be INT8 these {first['texts']} texts cannot tell; {enough}."]
    return [*lines, ""]


def _attempts(engine: str, found: Mapping[str, Any]) -> list[str]:
    if len(found["attempts"]) == 1:
        return []
    tried = len(found["attempts"])
    lines = [f"{engine}: {tried} mixes were judged, after the first from the slowest on until one did not pass:", ""]
    lines += ["| setting | layers in float | products in float | drop (95 % interval) | verdict |", f"|{' --- |' * 5}"]
    for attempt in found["attempts"]:
        drop = f"{attempt['drop']:.2f} ({attempt['low']:.2f} to {attempt['high']:.2f})"
        lines.append(
            f"| {attempt['setting']} | {len(attempt['float_layers'])} | {attempt['float_share']:.0%} | {drop} "
            f"| {attempt['verdict']} |"
        )
    if found["note"]:
        lines += ["", f"The search {found['note']}; with more time, or on a faster machine, it may find another mix."]
    return [*lines, ""]


def _ranking(engine: str, found: Mapping[str, Any]) -> list[str]:
    if not found["sensitivity"]:
        return []
    lines = [f"{engine}: how far each layer alone in INT8 moves the outputs, the worst first:", ""]
    ranked = found["sensitivity"]
    lines += [f"- `{each['layer']}`: {each['damage']:.2%}" for each in ranked[:_MOST]]
    if len(ranked) > _MOST:
        lines.append(f"- {len(ranked) - _MOST} more in `report.json`")
    return [*lines, ""]
