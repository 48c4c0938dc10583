"""The TensorRT that is installed, imported where it is used and not before."""

import dataclasses
import importlib
import logging
from typing import Any, cast

from edgebert.device import Device
from edgebert.errors import EngineUnavailableError
from edgebert.tensorrt.api import Module
from edgebert.tensorrt.plan import BuildPlan
from edgebert.tensorrt.version import parse_version

TENSORRT = "tensorrt"
RTX = "tensorrt_rtx"  # TensorRT for RTX: the same interface; it builds without a GPU, which TensorRT cannot

_LOG = logging.getLogger("edgebert.tensorrt")


@dataclasses.dataclass(frozen=True)
class Library:
    """An imported module and its version, for example "10.3.0"."""

    name: str
    version: str
    module: Module

    @property
    def major(self) -> int:
        """The first number of the version."""
        version = parse_version(self.version)
        return version.major if version else 0


def import_library(name: str, device: Device) -> Library:
    """Import TensorRT.

    Raises:
        EngineUnavailableError: it is not there or cannot be loaded; the message says what to do on this device.
    """
    refuse_old_jetpack(device)
    try:
        module = importlib.import_module(name)
        return Library(name, str(module.__version__), cast("Module", module))
    except Exception as error:  # its own start-up code raises many kinds where a library of it is missing
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        what = f"{name} is not installed" if missing else f"{name} cannot be loaded ({_first_line(error)})"
        raise EngineUnavailableError(f"{what}: {how_to_install(device)}") from error


def refuse_old_jetpack(device: Device) -> None:
    """Refuse JetPack 4.

    Raises:
        EngineUnavailableError: the device has JetPack 4, whose TensorRT is too old for INT8 of BERT.
    """
    if device.jetpack is not None and device.jetpack.split(".")[0] == "4":
        raise EngineUnavailableError(
            f"JetPack {device.jetpack} (L4T {device.l4t}) is not supported, its TensorRT 8.2 is too old: "
            "flash JetPack 5 or newer, or run the bundle with the engine native"
        )


def how_to_install(device: Device) -> str:
    """Return what to do on a device where TensorRT's Python module is missing."""
    major = (device.jetpack or "").split(".")[0]
    if major == "5":
        return "JetPack 5 has it for Python 3.8 alone, use the line of `edgebert prepare BUNDLE --trtexec 8.5`"
    if major:
        return (
            "sudo apt install python3-libnvinfer, then make the virtual environment with "
            "python3 -m venv --system-site-packages"
        )
    return 'on a machine with an NVIDIA GPU, pip install "edgebert[tensorrt]"'


def check_version(version: str, plan: BuildPlan) -> None:
    """Check that a version of TensorRT takes the graphs of a plan.

    Raises:
        EngineUnavailableError: it is too old, too new, or not listed in the plan.
    """
    found = parse_version(version)
    made = f"this bundle is for TensorRT from {plan.oldest} to below {plan.below}"
    if found is None:
        raise EngineUnavailableError(f"TensorRT calls itself {version[:40]!r}, which is no version: install it again")
    if found < plan.oldest:
        raise EngineUnavailableError(
            f"TensorRT {version} is too old, {made}: update JetPack or export with --tensorrt {found}"
        )
    if found >= plan.below:
        raise EngineUnavailableError(f"TensorRT {version} is too new, {made}: export it again with --tensorrt {found}")
    if not all(found.major in model.flags for model in plan.models.values()):
        raise EngineUnavailableError(
            f"the plan of this bundle does not say how TensorRT {version} builds it: export it again"
        )


def make_logger(module: Module, errors: list[str]) -> object:
    """Return a logger for TensorRT that passes words on to `logging` and collects errors in ``errors``."""

    class Logger(module.ILogger):  # type: ignore[name-defined, misc]  # a class of the module
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:  # noqa: ANN401  (an enumeration of the module)
            level = str(severity.name)
            if level in ("INTERNAL_ERROR", "ERROR"):
                errors.append(message)
            _LOG.log(_LEVELS.get(level, logging.DEBUG), "%s", message)

    return Logger()


_LEVELS = {"INTERNAL_ERROR": logging.INFO, "ERROR": logging.INFO, "WARNING": logging.INFO}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
