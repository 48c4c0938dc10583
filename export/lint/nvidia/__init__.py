"""Ask NVIDIA's own parser and builder about a graph, without a GPU.

TensorRT-RTX is the one member of the TensorRT family that parses and builds where there is no driver. It is the newest
parser: that it takes a graph says nothing about 8.5, 8.6 or 10.3, whose rules are those of `edgebert.export.lint`, and
nothing about where INT8 is placed or how fast it is on a Jetson. It runs in a process of its own, because it prints,
may crash, and has one logger a process.
"""

import dataclasses
import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx

from edgebert.errors import EngineError, MissingExtraError

PACKAGE = "tensorrt_rtx"
CAVEAT = (
    "NVIDIA's newest parser alone: not that of TensorRT 8.5, 8.6 or 10.3, not where INT8 is placed on the device, "
    "not its speed"
)

_WORKER = Path(__file__).parent
_SHOWN = 200  # characters of what the worker said before it died


@dataclasses.dataclass(frozen=True)
class ParserError:
    """What NVIDIA's parser or builder has against a node; both names are empty where it names none."""

    node: str
    operator: str
    message: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What NVIDIA's parser, and its builder where it was asked, made of a graph."""

    version: str
    errors: tuple[ParserError, ...]
    layers: int = 0  # of the network before fusion
    int8_tensors: int = 0  # outputs of its layers that are INT8
    engine_bytes: int | None = None  # None: not built


def available() -> bool:
    """Return whether NVIDIA's parser is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def ask_nvidia(path: Path, *, build: bool = False, tokens: int = 128, timeout: float = 600) -> Verdict:
    """Parse an ONNX file with NVIDIA's parser, and build an engine from it.

    Args:
        path: the file; its external data lies beside it.
        build: whether to build an engine as well.
        tokens: longest text that the engine is built for.
        timeout: seconds after which the process is ended.

    Raises:
        MissingExtraError: TensorRT-RTX is not installed.
        EngineError: it crashed, or did not end in time.
    """
    if not available():
        raise MissingExtraError("tensorrt-rtx-cu13", "tensorrt-check")
    job = {"path": str(path.resolve()), "build": build, "tokens": tokens}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_WORKER)], input=json.dumps(job).encode(), capture_output=True, timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"NVIDIA's builder did not end within {timeout:g} s on {path}: allow it more") from error
    return _read(done, path)


def ask_nvidia_about(model: onnx.ModelProto, *, build: bool = False, tokens: int = 128) -> Verdict:
    """Ask about a graph that is not in a file yet; see `ask_nvidia`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        return ask_nvidia(path, build=build, tokens=tokens)


def _read(done: "subprocess.CompletedProcess[bytes]", path: Path) -> Verdict:
    said = " ".join(done.stderr.decode("utf-8", "replace").split())[-_SHOWN:]
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise EngineError(f"NVIDIA's parser was ended by {name} on {path}: {said or 'it said nothing'}")
    try:
        document = json.loads(done.stdout)
        found = document["found"]
        errors = tuple(ParserError(**error) for error in found["errors"])
        return Verdict(**{**found, "errors": errors})
    except (ValueError, KeyError, TypeError) as error:
        reason = document["error"] if "document" in locals() and "error" in document else said
        raise EngineError(f"NVIDIA's parser failed on {path}: {reason or 'it said nothing'}") from error
