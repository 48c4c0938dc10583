"""What this process may use: CPUs and memory, of the machine and of its control groups."""

import re
from collections.abc import Iterator
from pathlib import Path

from edgebert.device.sources import read


def allowed_cpus(root: Path) -> int | None:
    """Count the CPUs of a list such as "0-3,8" in /proc/self/status."""
    found = re.search(r"^Cpus_allowed_list:\s*([0-9,-]+)$", read(root, "proc/self/status"), re.MULTILINE)
    if not found:
        return None
    ranges = re.findall(r"(\d+)(?:-(\d+))?", found[1])
    return sum(int(last or start) - int(start) + 1 for start, last in ranges)


def memory(root: Path, field: str) -> int | None:
    """Return a field of /proc/meminfo in bytes."""
    found = re.search(rf"^{field}:\s*(\d+) kB$", read(root, "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def cpu_limit(root: Path) -> float | None:
    """Return the smallest quota over the period of the groups above this process, in CPUs."""
    limits = []
    for folder in _groups(root, "cpu"):
        quota = read(root, f"{folder}/cpu.max").split()  # version 2: "200000 100000" or "max 100000", microseconds
        if not quota:
            quota = [read(root, f"{folder}/cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
        if len(quota) == 2 and all(value.isascii() and value.isdigit() for value in quota) and int(quota[1]):
            limits.append(int(quota[0]) / int(quota[1]))
    return min(limits, default=None)


def memory_limit(root: Path) -> int | None:
    """Return the smallest memory limit of the groups above this process, in bytes."""
    values = [
        read(root, f"{folder}/{name}").strip()
        for folder in _groups(root, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
    ]
    limits = [int(value) for value in values if value.isascii() and value.isdigit()]
    # version 1 writes "no limit" as the largest page-aligned 63-bit number
    return min((limit for limit in limits if limit < 1 << 62), default=None)


def _groups(root: Path, controller: str) -> Iterator[str]:
    """Yield the folders of the control groups that hold this process, from its own up to the top, version 2 and 1."""
    for line in read(root, "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        mount = f"sys/fs/cgroup/{controller}" if controllers else "sys/fs/cgroup"
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            yield "/".join((mount, *parts[:depth]))
