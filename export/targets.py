"""Targets: the device families that a bundle can be made for.

To add one: describe it here, and give `edgebert.export.graphs` its maker if none of the existing ones fits.
"""

import dataclasses
import platform

from edgebert.errors import InputError
from edgebert.export.canonical import dialects
from edgebert.export.canonical.dialects import Dialect
from edgebert.export.platforms import NAMES as JETSONS
from edgebert.export.platforms import Platform, platform_named

_CPU_ENGINES = ("native", "onnxruntime")
_JETSON_ENGINES = ("tensorrt", *_CPU_ENGINES)


@dataclasses.dataclass(frozen=True)
class Target:
    """A device family: which engines serve it, and how its graph is written.

    Attributes:
        name: what the manifest calls it.
        engines: in the order in which load() tries them.
        dialect: of a graph whose activation ranges are fixed at export.
        platform: what TensorRT it has; None for a CPU.
    """

    name: str
    engines: tuple[str, ...]
    dialect: Dialect
    platform: Platform | None = None

    @property
    def weight_bits(self) -> int:
        """Bits of an INT8 weight: 7 where 8-bit products can saturate."""
        return 8 if self.dialect.weight_limit > 64 else 7

    def scheme(self, static: bool) -> str:
        """Return the name of the INT8 scheme of the graph, as the manifest states it."""
        return f"w{self.weight_bits}a8-{'static' if static else 'dynamic'}"


# x86 without VNNI multiplies by vpmaddubsw, which adds two u8 x s8 products in 16 bits and saturates:
# 2 * 255 * 127 > 32767. Weights within +-64 cannot: 2 * 255 * 64 = 32640. ARM adds in 32 bits and keeps all eight bits.
CPU_X86 = Target("cpu-x86", _CPU_ENGINES, dialects.ORT_X86)
CPU_ARM64 = Target("cpu-arm64", _CPU_ENGINES, dialects.ORT_ARM64)

_BY_NAME = {target.name: target for target in (CPU_X86, CPU_ARM64)}
_THIS_MACHINE = {"x86_64": CPU_X86, "amd64": CPU_X86, "aarch64": CPU_ARM64, "arm64": CPU_ARM64}

NAMES = ("cpu", *_BY_NAME, *JETSONS)


def target_named(name: str, jetpack: int | None = None, tensorrt: str | None = None) -> Target:
    """Return a target; ``cpu`` is the one of this machine.

    Args:
        name: one of `NAMES`.
        jetpack: of a Jetson: 5, 6 or 7; None is the most common one of the board.
        tensorrt: of a Jetson: a release such as ``"10.3"`` that is meant instead of those of its JetPack.

    Raises:
        InputError: there is no such target, ``cpu`` was asked for on an unknown architecture, or the target does not
            have that JetPack or TensorRT.
    """
    if name in JETSONS:
        return _jetson(platform_named(name, jetpack, tensorrt))
    target = _cpu(name)
    for setting, value in (("jetpack", jetpack), ("tensorrt", tensorrt)):
        if value is not None:
            raise InputError(f"{setting} is {value}, but {target.name} has none: leave it out or give --target jetson")
    return target


def _cpu(name: str) -> Target:
    if name == "cpu":
        machine = platform.machine().lower()
        if machine not in _THIS_MACHINE:
            raise InputError(f"no target fits this machine ({machine}): give --target {' or '.join(_BY_NAME)}")
        return _THIS_MACHINE[machine]
    if name not in _BY_NAME:
        raise InputError(f"there is no target {name!r}: choose one of {', '.join(NAMES)}")
    return _BY_NAME[name]


def _jetson(found: Platform) -> Target:
    """Return the target of a board; the oldest TensorRT that it must serve decides the dialect."""
    oldest = min(release.version for release in found.releases)
    if oldest >= (10, 13):
        dialect = dialects.TENSORRT_10_13
    else:
        dialect = dialects.TENSORRT_8_6 if oldest >= (8, 6) else dialects.TENSORRT_8_5
    return Target(found.board.name, _JETSON_ENGINES, dialect, found)
