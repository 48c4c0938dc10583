"""What this machine is: CPU, memory, limits of this process, board and versions, read from files and never by guessing.

A fact that cannot be read is None; reading never fails.
"""

import dataclasses
import importlib.metadata
import platform
import re
from pathlib import Path

from edgebert.device import cpu, limits, nvidia
from edgebert.device.cpu import FEATURES
from edgebert.device.sources import first, read

__all__ = ["FEATURES", "Device", "this_device"]

_ONNXRUNTIME = ("onnxruntime", "onnxruntime-gpu")  # distributions that bring the module onnxruntime
_TENSORRT = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11")  # and the module tensorrt


@dataclasses.dataclass(frozen=True)
class Device:
    """A machine as this process sees it."""

    cpu: str | None  # model name, or the names of the cores joined by " + "
    architecture: str | None  # for example "x86_64", "aarch64"
    logical_cpus: int | None
    allowed_cpus: int | None  # logical CPUs that the scheduler may give to this process
    cpu_limit: float | None  # CPUs' worth of time that the control group grants; None where there is no limit
    features: tuple[str, ...]  # those of FEATURES that the CPU has
    memory_bytes: int | None
    memory_available_bytes: int | None  # what programs could still get, as the kernel estimates it
    memory_limit_bytes: int | None  # of the control group; None where there is no limit
    board: str | None  # for example "Raspberry Pi 5 Model B Rev 1.0"; None on machines without a device tree
    chip: str | None  # a Jetson's, for example "tegra234"
    l4t: str | None  # release of NVIDIA's Linux for Tegra, for example "36.4.3"
    jetpack: str | None  # for example "6.2"
    power_mode: str | None  # a Jetson's, for example "MAXN"
    gpu: str | None  # an NVIDIA GPU's name
    compute_capability: str | None  # of a Jetson's GPU, for example "8.7"
    driver: str | None  # version of NVIDIA's kernel driver
    cuda: str | None  # version of the CUDA toolkit
    os: str | None
    kernel: str | None
    python: str
    numpy: str | None
    onnxruntime: str | None
    tensorrt: str | None


def this_device(root: Path = Path("/"), uname: platform.uname_result | None = None) -> Device:
    """Describe the machine.

    Args:
        root: where /proc, /sys and /etc are; another folder reads a recorded machine.
        uname: what `platform.uname` said on that machine; None asks this one.
    """
    uname = platform.uname() if uname is None else uname
    cpuinfo = cpu.cpuinfo(root)
    release = nvidia.l4t(root)
    return Device(
        cpu=cpu.cpu_name(cpuinfo),
        architecture=uname.machine or None,
        logical_cpus=len(cpuinfo.get("processor", ())) or None,
        allowed_cpus=limits.allowed_cpus(root),
        cpu_limit=limits.cpu_limit(root),
        features=cpu.features(cpuinfo),
        memory_bytes=limits.memory(root, "MemTotal"),
        memory_available_bytes=limits.memory(root, "MemAvailable"),
        memory_limit_bytes=limits.memory_limit(root),
        board=first(read(root, "proc/device-tree/model").rstrip("\0").splitlines()),
        chip=nvidia.chip(root),
        l4t=release,
        jetpack=nvidia.jetpack(release),
        power_mode=nvidia.power_mode(root),
        gpu=nvidia.gpu_name(root),
        compute_capability=nvidia.compute_capability(root),
        driver=nvidia.driver(root),
        cuda=nvidia.cuda(root),
        os=_os_name(root) or uname.system or None,
        kernel=uname.release or None,
        python=platform.python_version(),
        numpy=_version("numpy"),
        onnxruntime=_first_version(_ONNXRUNTIME),
        tensorrt=_first_version(_TENSORRT),
    )


def _os_name(root: Path) -> str | None:
    found = re.search(r"""^PRETTY_NAME=["']?([^"'\n]+)""", read(root, "etc/os-release"), re.MULTILINE)
    return found[1] if found else None


def _first_version(distributions: tuple[str, ...]) -> str | None:
    return first(version for name in distributions if (version := _version(name)))


def _version(distribution: str) -> str | None:
    """Return the version of an installed distribution without importing it."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
