"""The few calls of the CUDA driver that running an engine needs, by ctypes.

The driver's library `libcuda.so.1` is on every machine with a working GPU, JetPack included, and its symbols keep their
meaning over versions, so neither a CUDA toolkit nor a package is needed. Buffers are pinned memory of the host that the
GPU reads and writes directly: a text is a few kilobytes, and on a Jetson both share the same memory.
"""

import ctypes
import dataclasses
import functools
from collections.abc import Callable
from typing import NewType, Protocol

import numpy as np
import numpy.typing as npt

from edgebert.errors import EngineError, EngineUnavailableError

Stream = NewType("Stream", int)
Graph = NewType("Graph", int)

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: never waits for the legacy default stream
_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may use CUDA meanwhile
_PORTABLE_MAPPED = 1 | 2  # CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP


@dataclasses.dataclass(frozen=True)
class Gpu:
    """A GPU."""

    name: str
    compute_capability: str  # for example "8.7"
    cuda: str  # newest CUDA that the driver runs, for example "12.6"


@dataclasses.dataclass(frozen=True)
class Pinned:
    """Memory that host and GPU share."""

    array: npt.NDArray[np.uint8]  # the bytes as the host sees them
    address: int  # of the bytes as the GPU sees them


class Driver(Protocol):
    """What an engine's session needs of CUDA."""

    def activate(self) -> None:
        """Make the GPU's context that of the calling thread."""

    def new_stream(self) -> Stream:
        """Return a stream."""

    def pinned(self, size: int) -> Pinned:
        """Return pinned memory of ``size`` bytes, zeroed; it lives until `close`."""

    def capture(self, stream: Stream, enqueue: Callable[[], None]) -> Graph | None:
        """Record what ``enqueue`` puts on a stream, without running it; None where that cannot be recorded."""

    def launch(self, graph: Graph, stream: Stream) -> None:
        """Run what was recorded."""

    def synchronize(self, stream: Stream) -> None:
        """Wait until a stream is empty."""

    def close(self) -> None:
        """Give back everything; do not use it afterwards."""


def find_gpu() -> Gpu | None:
    """Return the first GPU, None where there is none or no driver."""
    try:
        return CudaDriver().gpu()
    except EngineUnavailableError:
        return None


class CudaDriver:
    """The first GPU of this process, by the CUDA driver; see `Driver`.

    Raises:
        EngineUnavailableError: there is no driver or no GPU.
    """

    def __init__(self) -> None:
        self._cuda = _library()
        self._streams: list[Stream] = []
        self._graphs: list[Graph] = []
        self._memory: list[int] = []
        self._device = ctypes.c_int()
        if code := self._cuda.cuInit(0):
            raise EngineUnavailableError(f"there is no NVIDIA GPU ({_error_name(self._cuda, code)})")
        self._call("cuDeviceGet", ctypes.byref(self._device), 0)
        self._context = ctypes.c_void_p()

    def gpu(self) -> Gpu:
        """Return what the GPU is."""
        name = ctypes.create_string_buffer(256)
        version, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        self._call("cuDeviceGetName", name, len(name), self._device)
        self._call("cuDriverGetVersion", ctypes.byref(version))
        self._call("cuDeviceGetAttribute", ctypes.byref(major), _MAJOR, self._device)
        self._call("cuDeviceGetAttribute", ctypes.byref(minor), _MINOR, self._device)
        return Gpu(
            name=name.value.decode("utf-8", "replace"),
            compute_capability=f"{major.value}.{minor.value}",
            cuda=f"{version.value // 1000}.{version.value % 1000 // 10}",
        )

    def activate(self) -> None:
        """See `Driver.activate`; the context is the primary one, which TensorRT uses too."""
        if not self._context:
            self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), self._device)
        self._call("cuCtxSetCurrent", self._context)

    def new_stream(self) -> Stream:
        """See `Driver.new_stream`."""
        handle = ctypes.c_void_p()
        self._call("cuStreamCreate", ctypes.byref(handle), _NON_BLOCKING)
        self._streams.append(Stream(handle.value or 0))
        return self._streams[-1]

    def pinned(self, size: int) -> Pinned:
        """See `Driver.pinned`."""
        host, device = ctypes.c_void_p(), ctypes.c_uint64()
        self._call("cuMemHostAlloc", ctypes.byref(host), ctypes.c_size_t(size), _PORTABLE_MAPPED)
        self._memory.append(host.value or 0)
        self._call("cuMemHostGetDevicePointer_v2", ctypes.byref(device), host, 0)
        array = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(host.value or 0))
        array[:] = 0
        return Pinned(array, device.value)

    def capture(self, stream: Stream, enqueue: Callable[[], None]) -> Graph | None:
        """See `Driver.capture`."""
        graph, runnable = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuStreamBeginCapture_v2", ctypes.c_void_p(stream), _THREAD_LOCAL)
        try:
            enqueue()
            failed = False
        except EngineError:
            failed = True
        code = self._cuda.cuStreamEndCapture(ctypes.c_void_p(stream), ctypes.byref(graph))
        if code or failed or not graph:
            return None
        code = self._cuda.cuGraphInstantiateWithFlags(ctypes.byref(runnable), graph, ctypes.c_ulonglong(0))
        self._call("cuGraphDestroy", graph)
        if code:
            return None
        self._graphs.append(Graph(runnable.value or 0))
        return self._graphs[-1]

    def launch(self, graph: Graph, stream: Stream) -> None:
        """See `Driver.launch`."""
        self._call("cuGraphLaunch", ctypes.c_void_p(graph), ctypes.c_void_p(stream))

    def synchronize(self, stream: Stream) -> None:
        """See `Driver.synchronize`."""
        self._call("cuStreamSynchronize", ctypes.c_void_p(stream))

    def close(self) -> None:
        """See `Driver.close`; what fails here fails because the process ends."""
        for graph in self._graphs:
            self._cuda.cuGraphExecDestroy(ctypes.c_void_p(graph))
        for stream in self._streams:
            self._cuda.cuStreamDestroy_v2(ctypes.c_void_p(stream))
        for memory in self._memory:
            self._cuda.cuMemFreeHost(ctypes.c_void_p(memory))
        if self._context:
            self._cuda.cuDevicePrimaryCtxRelease_v2(self._device)
        self._graphs, self._streams, self._memory, self._context = [], [], [], ctypes.c_void_p()

    def _call(self, name: str, *arguments: object) -> None:
        code = getattr(self._cuda, name)(*arguments)
        if code:
            raise EngineError(f"the GPU failed: {name} gave {_error_name(self._cuda, code)}")


@functools.lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise EngineUnavailableError("there is no NVIDIA GPU (no libcuda.so.1)") from error


def _error_name(cuda: ctypes.CDLL, code: int) -> str:
    name = ctypes.c_char_p()
    if cuda.cuGetErrorName(code, ctypes.byref(name)) or name.value is None:
        return f"error {code}"
    return name.value.decode("ascii", "replace")
