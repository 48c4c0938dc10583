"""`edgebert lint`: what TensorRT would have against a graph."""

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebert.cli.options import JsonOption
from edgebert.cli.words import printable

if TYPE_CHECKING:
    from edgebert.export.lint import Finding
    from edgebert.export.lint.nvidia import Verdict

_SHOWN = 8  # findings of one rule; --json has all


def lint(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX file, or a bundle for a Jetson.")],
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="NAME",
            help="jetson (means jetson-orin; the default), jetson-xavier or jetson-thor. Without this, --jetpack and "
            "--tensorrt a bundle is checked for all releases that it is for.",
        ),
    ] = None,
    jetpack: Annotated[
        int | None, typer.Option("--jetpack", metavar="N", help="5, 6 or 7; without it the board's most common one.")
    ] = None,
    tensorrt: Annotated[
        str | None,
        typer.Option("--tensorrt", metavar="X.Y", help="One release instead of all that the JetPack carries."),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", metavar="N", min=1, help="Longest input; without it the bundle's."),
    ] = None,
    with_parser: Annotated[
        bool, typer.Option("--with-parser", help="Ask NVIDIA's newest parser too; needs the extra tensorrt-check.")
    ] = False,
    build: Annotated[
        bool, typer.Option("--build", help="Also build an engine with NVIDIA's builder; needs no GPU.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=1, help="Time that NVIDIA's builder gets.")
    ] = 600,
    as_json: JsonOption = False,
) -> None:
    """Check a graph against what TensorRT accepts and runs well, without TensorRT.

    Exit code 1 where the graph breaks a rule whose severity is error. docs/lint.md explains every rule.
    """
    from edgebert.export.lint import lint_file, platform_named, source_of
    from edgebert.export.lint.nvidia import ask_nvidia

    source = source_of(model, max_tokens)
    named = any(each is not None for each in (target, jetpack, tensorrt))
    platform = source.platform
    if named or platform is None:
        platform = platform_named(target or "jetson", jetpack, tensorrt)
    findings = lint_file(source, platform)
    verdict = None
    if with_parser or build:
        verdict = ask_nvidia(source.file, build=build, tokens=source.max_tokens or 128, timeout=timeout)
    if as_json:
        typer.echo(json.dumps(_document(str(platform), findings, verdict), indent=1, sort_keys=True))
    else:
        _print(str(model), str(platform), findings)
        if verdict is not None:
            _print_verdict(verdict)
    if any(finding.severity == "error" for finding in findings) or (verdict is not None and verdict.errors):
        raise typer.Exit(1)


def _document(platform: str, findings: "list[Finding]", verdict: "Verdict | None") -> dict[str, object]:
    document: dict[str, object] = {
        "platform": platform,
        "errors": sum(finding.severity == "error" for finding in findings),
        "warnings": sum(finding.severity == "warning" for finding in findings),
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
    if verdict is not None:
        document["parser"] = dataclasses.asdict(verdict)
    return document


def _print(model: str, platform: str, findings: "list[Finding]") -> None:
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.rule] += 1
        if seen[finding.rule] <= _SHOWN:
            typer.echo(f"{finding.severity} {finding.rule} at {printable(finding.node)}: {printable(finding.why)}")
            if seen[finding.rule] == 1:
                typer.echo(f"  fix: {finding.fix}")
    for rule, count in seen.items():
        if count > _SHOWN:
            typer.echo(f"... and {count - _SHOWN} more of {rule}")
    errors = sum(finding.severity == "error" for finding in findings)
    typer.echo(
        f"{printable(model)} for {platform}: {_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}"
    )


def _print_verdict(verdict: "Verdict") -> None:
    from edgebert.export.lint.nvidia import CAVEAT

    for error in verdict.errors:
        where = printable(f"{error.operator} {error.node}".strip()) or "the graph"
        typer.echo(f"error of NVIDIA's parser at {where}: {printable(error.message)}")
    built = "" if verdict.engine_bytes is None else f", engine built of {verdict.engine_bytes / 1e6:.1f} MB"
    if not verdict.errors:
        typer.echo(f"NVIDIA's parser: accepted, {verdict.layers} layers, {verdict.int8_tensors} INT8 tensors{built}")
    typer.echo(f"checked with TensorRT-RTX {verdict.version}: {CAVEAT}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"
