"""A TensorRT for tests: the interface of versions 8.5 to 11, with their rules; its "GPU" is ONNX Runtime.

FAKE_TENSORRT_VERSION sets the version, FAKE_TENSORRT_SECONDS how long a build takes, FAKE_TENSORRT_FAIL ways to fail,
maybe only for one precision ("wrong:int8"), FAKE_TENSORRT_LOG a file that gets a line for each build that begins.
"""

import ctypes
import enum
import json
import os
import signal
import time
import weakref

import numpy as np

__version__ = os.environ.get("FAKE_TENSORRT_VERSION", "10.3.0.30")
_MAJOR, _MINOR = (int(part) for part in __version__.split(".")[:2])
_WAYS = [way for way in os.environ.get("FAKE_TENSORRT_FAIL", "").split(",") if way]
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_KINDS = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}

try:
    _cuda = ctypes.CDLL("libcuda.so.1")
    _cuda.fake_log.restype = ctypes.c_char_p
except OSError:
    _cuda = None
_operations = []  # what runs when the stream gets there; none keeps its context alive
_run = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda number: _operations[number]()())
if _cuda is not None:
    _cuda.fake_set_run(_run)


def note(line):
    if _cuda is not None:
        _cuda.fake_note(line.encode())


def log():
    return _cuda.fake_log().decode().splitlines()


def refuse_capture():
    _cuda.fake_refuse_capture(1)


def fails(way, precision=None):
    return way in _WAYS or f"{way}:{precision}" in _WAYS


class ILogger:
    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3
        VERBOSE = 4

    def __init__(self):
        pass


_creation = {8: {"EXPLICIT_BATCH": 0}, 10: {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1}, 11: {"STRONGLY_TYPED": 1}}
NetworkDefinitionCreationFlag = enum.IntEnum("NetworkDefinitionCreationFlag", _creation[_MAJOR])
BuilderFlag = enum.IntEnum("BuilderFlag", {"FP16": 0, "INT8": 1} if _MAJOR < 11 else {"TF32": 7})
MemoryPoolType = enum.IntEnum("MemoryPoolType", {"WORKSPACE": 0})
TensorIOMode = enum.IntEnum("TensorIOMode", {"NONE": 0, "INPUT": 1, "OUTPUT": 2})


def nptype(kind):
    return _KINDS[kind]


class _Memory(bytearray):
    @property
    def nbytes(self):
        return len(self)


class _Tensor:
    def __init__(self, name, shape):
        self.name, self.shape = name, shape


class _Network:
    def __init__(self, flags):
        self.flags, self.graph, self.inputs, self.num_outputs = flags, b"", [], 0

    @property
    def num_inputs(self):
        return len(self.inputs)

    def get_input(self, index):
        return self.inputs[index]


class OnnxParser:
    num_errors = 0

    def __init__(self, network, logger):
        self._network, self._logger = network, logger

    def parse_from_file(self, path):
        with open(path, "rb") as file:
            self._network.graph = file.read()
        names = [name for name in _INPUTS if name.encode() in self._network.graph]
        self._network.inputs = [_Tensor(name, (-1, -1)) for name in names]
        self._network.num_outputs = 1
        self.num_errors = 0 if names else 1
        return bool(names)

    def get_error(self, index):
        class Error:
            def desc(self):
                return "In node 0:\n  this is no graph"

        return Error()


class _Profile:
    def __init__(self):
        self.shapes = {}

    def set_shape(self, input, min, opt, max):
        assert min == opt == max
        self.shapes[input] = list(opt)


class _TimingCache:
    def __init__(self, content):
        self.content = content

    def serialize(self):
        return _Memory(self.content or b"timings")


class _Config:
    if _MAJOR >= 10:
        progress_monitor = None

    def __init__(self):
        self.flags, self.profiles, self.workspace, self.cache = [], [], None, None

    def set_flag(self, flag):
        self.flags.append(flag.name)

    def set_memory_pool_limit(self, pool, pool_size):
        assert pool is MemoryPoolType.WORKSPACE
        self.workspace = pool_size

    def add_optimization_profile(self, profile):
        self.profiles.append(profile.shapes)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache):
        return _TimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache, ignore_mismatch):
        assert ignore_mismatch is False
        self.cache = cache
        return True

    def get_timing_cache(self):
        return self.cache


class Builder:
    def __init__(self, logger):
        self._logger = logger
        if fails("start"):
            logger.log(ILogger.Severity.ERROR, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")

    def create_network(self, flags=0):
        assert _MAJOR >= 10 or flags & 1, "EXPLICIT_BATCH must be set"
        return _Network(flags)

    def create_builder_config(self):
        return _Config()

    def create_optimization_profile(self):
        return _Profile()

    def build_serialized_network(self, network, config):
        precision = "int8" if b"QuantizeLinear" in network.graph else "fp16"
        if "FAKE_TENSORRT_LOG" in os.environ:
            with open(os.environ["FAKE_TENSORRT_LOG"], "a", encoding="ascii") as file:
                file.write(f"{precision}\n")
        _work(config)
        if fails("crash", precision) or (fails("timings", precision) and config.cache.content):
            os.kill(os.getpid(), signal.SIGSEGV)
        if fails("memory", precision):
            os.kill(os.getpid(), signal.SIGKILL)
        if fails("null", precision):
            self._logger.log(ILogger.Severity.ERROR, "Error Code 10: could not find any implementation for node x")
            return None
        head = {"flags": config.flags, "network": network.flags, "profiles": config.profiles, "precision": precision}
        head |= {"workspace": config.workspace, "version": __version__}
        return _Memory(json.dumps(head).encode() + b"\n" + network.graph)


def _work(config):
    """Take as long as was asked for, in steps that a monitor sees."""
    monitor = getattr(config, "progress_monitor", None)
    steps = 20
    if monitor is not None:
        monitor.phase_start("Building Engine", None, steps)
    for step in range(steps):
        time.sleep(float(os.environ.get("FAKE_TENSORRT_SECONDS", "0")) / steps)
        if monitor is not None:
            assert monitor.step_complete("Building Engine", step)
    if monitor is not None:
        monitor.phase_finish("Building Engine")


if _MAJOR >= 10:

    class IProgressMonitor:
        def __init__(self):
            pass


class Runtime:
    def __init__(self, logger):
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine):
        head, _, graph = bytes(serialized_engine).partition(b"\n")
        head = json.loads(head)
        if head["version"] != __version__:
            self._logger.log(ILogger.Severity.ERROR, f"the engine is of version {head['version']}")
            return None
        return _Engine(head, graph)


class _Engine:
    def __init__(self, head, graph):
        import onnxruntime

        self.head = head
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        self.model = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._inputs = [entry.name for entry in self.model.get_inputs()]
        self._outputs = [entry.name for entry in self.model.get_outputs()]
        self.kinds = {entry.name: entry.type for entry in (*self.model.get_inputs(), *self.model.get_outputs())}

    @property
    def num_io_tensors(self):
        return len(self._inputs) + len(self._outputs)

    @property
    def num_optimization_profiles(self):
        return len(self.head["profiles"])

    def get_tensor_name(self, index):
        return (self._outputs + self._inputs)[index]  # the order is nobody's promise

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if name in self._inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name):
        return self.kinds[name]

    def create_execution_context(self):
        note("create context")
        return None if fails("context") else _Context(self)


class _Context:
    def __init__(self, engine):
        self._engine, self._profile, self._shapes, self._addresses = engine, None, {}, {}

    def __del__(self):
        note("destroy context")

    def set_optimization_profile_async(self, profile_index, stream_handle):
        note(f"profile {profile_index}")
        self._profile = self._engine.head["profiles"][profile_index]
        return True

    def set_input_shape(self, name, shape):
        note(f"shape {name} {list(shape)}")
        if self._profile is None or list(shape) != self._profile[name]:
            return False
        self._shapes[name] = tuple(shape)
        return True

    def set_tensor_address(self, name, memory):
        note(f"address {name}")
        self._addresses[name] = memory
        return True

    def get_tensor_shape(self, name):
        if len(self._shapes) < len(self._engine.model.get_inputs()):
            return (-1, -1, -1)
        batch, tokens = self._shapes["input_ids"]
        shape = self._engine.model.get_outputs()[0].shape
        return (batch, tokens, shape[2]) if len(shape) == 3 else (batch, shape[1])

    def execute_async_v3(self, stream_handle):
        note("enqueue")
        if len(self._addresses) != self._engine.num_io_tensors:
            return False
        _operations.append(weakref.WeakMethod(self._compute))
        return bool(_cuda.fake_enqueue(len(_operations) - 1))

    def _compute(self):
        feed = {}
        for name, shape in self._shapes.items():
            feed[name] = _view(self._addresses[name], shape, nptype(self._engine.kinds[name])).copy()
            note(f"read {name} {feed[name].tolist()}")
        (values,) = self._engine.model.run(None, feed)
        out = next(name for name in self._addresses if name not in self._shapes)
        if fails("nan", self._engine.head["precision"]):
            values = values * values.dtype.type("nan")
        if fails("slow", self._engine.head["precision"]):
            time.sleep(0.003)
        # off in one direction, since vectors are normalized
        values[..., 0] += 1 if fails("wrong", self._engine.head["precision"]) else 0
        _view(self._addresses[out], values.shape, values.dtype)[...] = values


def _view(address, shape, kind):
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address)).view(kind).reshape(shape)
