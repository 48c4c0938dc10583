"""Targets: the device families that a bundle can be made for.

To add one: describe it here, and give `quantize` its scheme if none of the existing ones fits.
"""

import dataclasses
import platform

from edgebert.errors import InputError


@dataclasses.dataclass(frozen=True)
class Target:
    """A device family: which engines serve it, and how the INT8 weights of its graph are stored."""

    name: str
    engines: tuple[str, ...]  # in the order in which load() tries them
    weight_bits: int  # 7 where 8-bit products can saturate

    @property
    def scheme(self) -> str:
        """Name of the INT8 scheme of the graph, as the manifest states it."""
        return f"w{self.weight_bits}a8-dynamic"


# x86 without VNNI multiplies by vpmaddubsw, which adds two u8 x s8 products in 16 bits and saturates:
# 2 * 255 * 127 > 32767. Weights within +-64 cannot: 2 * 255 * 64 = 32640. ARM adds in 32 bits and keeps all eight bits.
CPU_X86 = Target("cpu-x86", ("native", "onnxruntime"), weight_bits=7)
CPU_ARM64 = Target("cpu-arm64", ("native", "onnxruntime"), weight_bits=8)

_BY_NAME = {target.name: target for target in (CPU_X86, CPU_ARM64)}
_THIS_MACHINE = {"x86_64": CPU_X86, "amd64": CPU_X86, "aarch64": CPU_ARM64, "arm64": CPU_ARM64}

NAMES = ("cpu", *_BY_NAME)


def target_named(name: str) -> Target:
    """Return a target; ``cpu`` is the one of this machine.

    Raises:
        InputError: there is no such target, or ``cpu`` was asked for on an unknown architecture.
    """
    if name == "cpu":
        machine = platform.machine().lower()
        if machine not in _THIS_MACHINE:
            raise InputError(f"no target fits this machine ({machine}): give --target {' or '.join(_BY_NAME)}")
        return _THIS_MACHINE[machine]
    if name not in _BY_NAME:
        raise InputError(f"there is no target {name!r}: choose one of {', '.join(NAMES)}")
    return _BY_NAME[name]
