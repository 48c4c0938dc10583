"""Whether there is memory and disk for a build, before it begins."""

import os
from pathlib import Path

from edgebert.device import Device
from edgebert.errors import EngineError

_BASE_BYTES = 300_000_000  # TensorRT, CUDA and Python, before a model
_MODEL_COPIES = 5  # a build of a 180 MB graph peaked at 1.1 GB, measured with TensorRT-RTX 1.7
_ENGINE_SIZE = 1.25  # an engine is a little larger than its graph
_LEAST_WORKSPACE = 64 << 20
_GB = 1e9


def workspace_for(device: Device, model_bytes: int, wanted: int) -> int:
    """Return the workspace that a build may use: what is wanted, or what the device has left for it.

    On a Jetson, GPU and CPU share one memory, so that the kernel's estimate of what is available counts for both.

    Raises:
        EngineError: not even the build without workspace fits.
    """
    limits = (device.memory_available_bytes, device.memory_limit_bytes)
    available = min((limit for limit in limits if limit is not None), default=None)
    if available is None:
        return wanted
    needed = _BASE_BYTES + _MODEL_COPIES * model_bytes
    if available < needed + min(_LEAST_WORKSPACE, wanted):
        raise EngineError(
            f"building takes about {needed / _GB:.1f} GB of memory, {available / _GB:.1f} GB is free: "
            "stop other programs, or add swap"
        )
    return min(wanted, available - needed)


def check_disk(folder: Path, model_bytes: int) -> None:
    """Check that an engine fits.

    Raises:
        EngineError: it does not.
    """
    status = os.statvfs(folder)
    free, needed = status.f_bavail * status.f_frsize, int(_ENGINE_SIZE * model_bytes) + (4 << 20)
    if free < needed:
        raise EngineError(
            f"an engine takes about {needed / _GB:.2f} GB, {folder} has {free / _GB:.2f} GB free: "
            "make room, or pass --cache DIR on another disk"
        )
