"""What this machine is: CPU, memory, limits of this process, board and versions, read from files and never by guessing.

A fact that cannot be read is None; reading never fails.
"""

import dataclasses
import importlib.metadata
import platform
import re
from collections.abc import Iterator
from pathlib import Path

FEATURES = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm", "sve")  # what INT8 kernels use

_ONNXRUNTIME = ("onnxruntime", "onnxruntime-gpu")  # distributions that bring the module onnxruntime

# (implementer, part) of /proc/cpuinfo to a name, from the Main ID Register tables of the cores' manuals
_ARM_CORES = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD04): "Cortex-A35",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0A): "Cortex-A75",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD0D): "Cortex-A77",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4B): "Cortex-A78C",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD80): "Cortex-A520",
    (0x41, 0xD81): "Cortex-A720",
    (0x41, 0xD83): "Neoverse-V3AE",
    (0x4E, 0x003): "Denver 2",
    (0x4E, 0x004): "Carmel",
}


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
    memory_limit_bytes: int | None  # of the control group; None where there is no limit
    board: str | None  # for example "Raspberry Pi 5 Model B Rev 1.0"; None on machines without a device tree
    l4t: str | None  # release of NVIDIA's Linux for Tegra, for example "36.4.3"
    os: str | None
    kernel: str | None
    python: str
    numpy: str | None
    onnxruntime: str | None


def this_device(root: Path = Path("/"), uname: platform.uname_result | None = None) -> Device:
    """Describe the machine.

    Args:
        root: where /proc, /sys and /etc are; another folder reads a recorded machine.
        uname: what `platform.uname` said on that machine; None asks this one.
    """
    uname = platform.uname() if uname is None else uname
    cpuinfo = _cpuinfo(root)
    return Device(
        cpu=_cpu_name(cpuinfo),
        architecture=uname.machine or None,
        logical_cpus=len(cpuinfo.get("processor", ())) or None,
        allowed_cpus=_allowed_cpus(root),
        cpu_limit=_cpu_limit(root),
        features=_features(cpuinfo),
        memory_bytes=_memory(root),
        memory_limit_bytes=_memory_limit(root),
        board=_first(_read(root, "proc/device-tree/model").rstrip("\0").splitlines()),
        l4t=_l4t(root),
        os=_os_name(root) or uname.system or None,
        kernel=uname.release or None,
        python=platform.python_version(),
        numpy=_version("numpy"),
        onnxruntime=_first(version for name in _ONNXRUNTIME if (version := _version(name))),
    )


def _read(root: Path, name: str) -> str:
    """Return the text of a file, empty where it cannot be read."""
    try:
        return (root / name).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def _first(values: "Iterator[str] | list[str]") -> str | None:
    return next(iter(values), None)


def _cpuinfo(root: Path) -> dict[str, list[str]]:
    """Return every field of /proc/cpuinfo with its values in the order of the CPUs."""
    fields: dict[str, list[str]] = {}
    for line in _read(root, "proc/cpuinfo").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), []).append(value.strip())
    return fields


def _cpu_name(cpuinfo: dict[str, list[str]]) -> str | None:
    implementers, parts = cpuinfo.get("CPU implementer", ()), cpuinfo.get("CPU part", ())
    cores = [_core_name(*pair) for pair in zip(implementers, parts, strict=False)]
    # 64-bit ARM kernels may also write a model name, but a generic one ("ARMv8 Processor rev 1 (v8l)")
    return " + ".join(dict.fromkeys(cores)) or _first(cpuinfo.get("model name", []))


def _core_name(implementer: str, part: str) -> str:
    try:
        known = _ARM_CORES.get((int(implementer, 16), int(part, 16)))
    except ValueError:
        known = None
    return known or f"ARM implementer {implementer} part {part}"


def _features(cpuinfo: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the features that all CPUs have: x86 lists them as "flags", ARM as "Features"."""
    every = [set(line.split()) for line in (*cpuinfo.get("flags", ()), *cpuinfo.get("Features", ()))]
    common = set.intersection(*every) if every else set()
    return tuple(name for name in FEATURES if name in common)


def _allowed_cpus(root: Path) -> int | None:
    """Count the CPUs of a list such as "0-3,8" in /proc/self/status."""
    found = re.search(r"^Cpus_allowed_list:\s*([0-9,-]+)$", _read(root, "proc/self/status"), re.MULTILINE)
    if not found:
        return None
    ranges = re.findall(r"(\d+)(?:-(\d+))?", found[1])
    return sum(int(last or first) - int(first) + 1 for first, last in ranges)


def _memory(root: Path) -> int | None:
    found = re.search(r"^MemTotal:\s*(\d+) kB$", _read(root, "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _os_name(root: Path) -> str | None:
    found = re.search(r"""^PRETTY_NAME=["']?([^"'\n]+)""", _read(root, "etc/os-release"), re.MULTILINE)
    return found[1] if found else None


def _l4t(root: Path) -> str | None:
    """Turn "# R36 (release), REVISION: 4.3, ..." into "36.4.3"."""
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", _read(root, "etc/nv_tegra_release"))
    return f"{found[1]}.{found[2]}" if found else None


def _cpu_limit(root: Path) -> float | None:
    """Return the smallest quota over the period of the groups above this process, in CPUs."""
    limits = []
    for folder in _groups(root, "cpu"):
        quota = _read(root, f"{folder}/cpu.max").split()  # version 2: "200000 100000" or "max 100000", microseconds
        if not quota:
            quota = [_read(root, f"{folder}/cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
        if len(quota) == 2 and all(value.isascii() and value.isdigit() for value in quota) and int(quota[1]):
            limits.append(int(quota[0]) / int(quota[1]))
    return min(limits, default=None)


def _memory_limit(root: Path) -> int | None:
    values = [
        _read(root, f"{folder}/{name}").strip()
        for folder in _groups(root, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
    ]
    limits = [int(value) for value in values if value.isascii() and value.isdigit()]
    # version 1 writes "no limit" as the largest page-aligned 63-bit number
    return min((limit for limit in limits if limit < 1 << 62), default=None)


def _groups(root: Path, controller: str) -> Iterator[str]:
    """Yield the folders of the control groups that hold this process, from its own up to the top, version 2 and 1."""
    for line in _read(root, "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        mount = f"sys/fs/cgroup/{controller}" if controllers else "sys/fs/cgroup"
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            yield "/".join((mount, *parts[:depth]))


def _version(distribution: str) -> str | None:
    """Return the version of an installed distribution without importing it."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
