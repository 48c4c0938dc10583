"""Which engines can run here, and what the others lack."""

import dataclasses
from pathlib import Path
from typing import cast

from edgebert import _native
from edgebert.bundle import Bundle
from edgebert.device import Device
from edgebert.errors import EngineError, EngineUnavailableError, MissingExtraError
from edgebert.prepare import child
from edgebert.tensorrt.cuda import Gpu
from edgebert.tensorrt.library import TENSORRT, check_version, refuse_old_jetpack
from edgebert.tensorrt.plan import BuildPlan, read_plan
from edgebert.tensorrt.store import cache_folder, identify, slot_of


@dataclasses.dataclass(frozen=True)
class EngineState:
    """Whether an engine can run on this machine."""

    name: str
    runs: bool
    version: str | None
    detail: str | None  # of an engine that runs: on what
    problem: str | None  # of an engine that does not
    fix: str | None  # a command, or what else to do


def native_state() -> EngineState:
    """Describe the engine native, which is part of this package."""
    return EngineState("native", True, None, f"CPU path {_native.cpu_paths()[0]}", None, None)


def onnxruntime_state(device: Device) -> EngineState:
    """Describe ONNX Runtime; it is not imported."""
    if device.onnxruntime is not None:
        return EngineState("onnxruntime", True, device.onnxruntime, "CPU", None, None)
    problem, _, fix = str(MissingExtraError("onnxruntime", "onnxruntime")).partition(": ")
    return EngineState("onnxruntime", False, None, None, problem, fix)


def tensorrt_state(device: Device, bundle: Bundle | None, root: Path = Path("/")) -> EngineState:
    """Describe TensorRT, and the bundle's engine on this device; TensorRT is imported in a process of its own.

    Args:
        device: this machine.
        bundle: a bundle that shall run here.
        root: where ``device`` was read.
    """
    version: str | None = None
    try:
        refuse_old_jetpack(device)
        facts = child.ask({"kind": "facts", "library": TENSORRT, "root": str(root)})
        version = str(facts["version"])
        plan = read_plan(bundle) if bundle is not None and TENSORRT in bundle.manifest.engines else None
        if plan is not None:
            check_version(version, plan)
    except EngineError as error:
        problem, _, fix = str(error).rpartition(": ")
        return EngineState(TENSORRT, False, version, None, problem or fix, fix if problem else None)
    gpu = Gpu(**cast("dict[str, str]", facts["gpu"])) if facts["gpu"] else None
    if gpu is None:
        fix = "check nvidia-smi" if device.chip is None else "check that this user is in the group video"
        return EngineState(TENSORRT, False, version, None, "there is no NVIDIA GPU, or no driver", fix)
    detail = f"{gpu.name}, compute capability {gpu.compute_capability}, CUDA {gpu.cuda}"
    if bundle is None or plan is None:
        return EngineState(TENSORRT, True, version, detail, None, None)
    precision = _prepared(bundle, plan, version, gpu, device)
    if precision is None:
        fix = f"edgebert prepare {bundle.path}"
        return EngineState(TENSORRT, False, version, detail, "the engine of this bundle is not built here yet", fix)
    return EngineState(TENSORRT, True, version, f"{detail}, {precision.upper()} engine of this bundle", None, None)


def _prepared(bundle: Bundle, plan: BuildPlan, version: str, gpu: Gpu, device: Device) -> str | None:
    """Return the precision of the engine that is prepared, None where there is none."""
    key = identify(TENSORRT, version, gpu, device).key(bundle, plan)
    try:
        found = slot_of(cache_folder(None), key).prepared()
    except EngineUnavailableError:
        return None
    return None if found is None else str(found[1]["chosen"])
