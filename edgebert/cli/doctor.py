"""`edgebert doctor`: what this machine can run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli.options import JsonOption
from edgebert.cli.words import printable
from edgebert.device import Device
from edgebert.doctor import Examination, examine

_GB = 1e9


def doctor(
    bundle: Annotated[
        Path | None, typer.Argument(metavar="BUNDLE", help="A bundle that shall run here.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what this machine is, which engines run, whether INT8 helps, and what is missing.

    INT8 is measured for about a second against FP32, on the CPU. With a bundle, the engine that would run it is named.
    """
    found = examine(bundle)
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1, sort_keys=True))
        return
    facts = [*_machine(found.device), *_engines(found), ("INT8", _int8(found)), *_bundle(found)]
    width = max(len(key) for key, _ in facts)
    for key, value in facts:
        typer.echo(f"{key.ljust(width)}  {printable(value)}")
    for finding in found.findings:
        typer.echo(printable(f"missing: {finding.problem}"))
        typer.echo(printable(f"    fix: {finding.fix}"))


def _machine(device: Device) -> Iterator[tuple[str, str]]:
    yield "board", device.board or "unknown"
    if device.jetpack or device.l4t:
        yield "JetPack", f"{device.jetpack or 'unknown'} (L4T {device.l4t})"
    if device.power_mode:
        yield "power mode", device.power_mode
    if device.gpu:
        capability = f", compute capability {device.compute_capability}" if device.compute_capability else ""
        yield "GPU", f"{device.gpu}{capability}" + (f", driver {device.driver}" if device.driver else "")
    features = f", {' '.join(device.features)}" if device.features else ""
    yield "CPU", f"{device.cpu or 'unknown'}, {device.allowed_cpus} of {device.logical_cpus} CPUs{features}"
    yield "memory", ", ".join(_memory(device)) or "unknown"
    system = (device.os, device.kernel and f"kernel {device.kernel}", device.architecture, f"Python {device.python}")
    yield "system", ", ".join(part for part in system if part)


def _memory(device: Device) -> Iterator[str]:
    sizes = (
        (device.memory_bytes, "in all"),
        (device.memory_available_bytes, "available"),
        (device.memory_limit_bytes, "for this process"),
    )
    return (f"{size / _GB:.1f} GB {what}" for size, what in sizes if size is not None)


def _engines(found: Examination) -> Iterator[tuple[str, str]]:
    for state in found.engines:
        words = (state.version, state.detail if state.runs else f"does not run: {state.problem}")
        yield f"engine {state.name}", ", ".join(word for word in words if word)


def _int8(found: Examination) -> str:
    trial = found.int8
    if trial is None:
        return f"not measured: {found.not_measured}"
    helps = "helps" if found.int8_helps else "makes the model smaller, not faster"
    return (
        f"{helps}: {trial.times_faster:.1f} times as fast as FP32 (measured here, engine native, {trial.path}, "
        f"{trial.tokens} tokens, one thread: {trial.int8_ms:.2f} ms against {trial.fp32_ms:.2f} ms)"
    )


def _bundle(found: Examination) -> Iterator[tuple[str, str]]:
    if found.bundle is not None:
        yield "bundle", f"{found.bundle}: " + (f"runs on {found.engine}" if found.engine else "no engine runs it here")
