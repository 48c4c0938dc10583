"""Put the findings about a machine, and maybe a bundle, together."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from edgebert.bundle import Bundle, open_bundle
from edgebert.device import Device, this_device
from edgebert.doctor.engines import EngineState, native_state, onnxruntime_state, tensorrt_state
from edgebert.doctor.trial import Trial, measure
from edgebert.errors import EdgebertError

FORMAT = 1  # of the JSON document
_HELPS = 1.1  # times faster, below which INT8 only makes the file smaller
_WIDEST = {"MAXN", "MAXN_SUPER"}


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is missing, and what to do about it."""

    problem: str
    fix: str


@dataclasses.dataclass(frozen=True)
class Examination:
    """What was found."""

    device: Device
    engines: tuple[EngineState, ...]
    int8: Trial | None
    not_measured: str | None  # why ``int8`` is None
    findings: tuple[Finding, ...]
    bundle: str | None  # its name
    engine: str | None  # that `load` takes for the bundle; None without a bundle, or where none runs

    @property
    def int8_helps(self) -> bool | None:
        """Whether INT8 is faster here; None where it was not measured."""
        return None if self.int8 is None else self.int8.times_faster >= _HELPS

    def to_json(self) -> dict[str, object]:
        """Return the document that `edgebert doctor --json` writes."""
        return {"format": FORMAT, **dataclasses.asdict(self), "int8_helps": self.int8_helps}


def examine(path: Path | None = None, root: Path = Path("/")) -> Examination:
    """Examine this machine, with a bundle also whether it runs.

    Args:
        path: a bundle.
        root: see `edgebert.device.this_device`.

    Raises:
        BundleError: there is no bundle at ``path``, or its manifest or build plan is damaged.
    """
    bundle = None if path is None else open_bundle(path)
    device = this_device(root)
    states = (tensorrt_state(device, bundle, root), native_state(), onnxruntime_state(device))
    trial, reason = _trial()
    wanted = None if bundle is None else bundle.manifest.engines
    running = [state.name for state in states if state.runs]
    return Examination(
        device=device,
        engines=states,
        int8=trial,
        not_measured=reason,
        findings=tuple(_findings(device, states, bundle)),
        bundle=None if bundle is None else bundle.manifest.name,
        engine=None if wanted is None else next((name for name in wanted if name in running), None),
    )


def _trial() -> tuple[Trial | None, str | None]:
    try:
        return measure(), None
    except EdgebertError as error:
        return None, str(error)


def _findings(device: Device, states: tuple[EngineState, ...], bundle: Bundle | None) -> Iterator[Finding]:
    for state in states:
        if state.problem is not None and _matters(state, device, bundle):
            yield Finding(f"{state.name}: {state.problem}", state.fix or "run another engine of the bundle")
    if device.power_mode is not None and device.power_mode not in _WIDEST:
        yield Finding(
            f"the power mode {device.power_mode} holds this board back",
            "sudo nvpmodel -q lists the modes, sudo nvpmodel -m sets one",
        )


def _matters(state: EngineState, device: Device, bundle: Bundle | None) -> bool:
    """Say whether anybody asked for an engine: a bundle, or for TensorRT a machine with an NVIDIA GPU."""
    if bundle is not None:
        return state.name in bundle.manifest.engines
    return state.name != "tensorrt" or device.gpu is not None
