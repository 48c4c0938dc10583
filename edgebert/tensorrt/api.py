"""The part of TensorRT's Python interface that edgebert uses; TensorRT 8.5 to 11 and TensorRT-RTX all have it.

Where they differ is `edgebert.tensorrt.adapter`.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np


class Memory(Protocol):
    """Bytes that TensorRT owns; a buffer for `memoryview`."""

    nbytes: int


class Tensor(Protocol):
    """An input of a network."""

    name: str
    shape: Sequence[int]


class Network(Protocol):
    """What the parser fills."""

    num_inputs: int
    num_outputs: int

    def get_input(self, index: int) -> Tensor: ...


class Parser(Protocol):
    """Reads an ONNX file into a network."""

    num_errors: int

    def parse_from_file(self, path: str) -> bool: ...

    def get_error(self, index: int) -> Any: ...  # noqa: ANN401  (its methods differ by version)


class Profile(Protocol):
    """The input shapes that kernels are chosen for."""

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None: ...


class TimingCache(Protocol):
    """How fast each kernel was."""

    def serialize(self) -> Memory: ...


class Config(Protocol):
    """How an engine is built."""

    progress_monitor: Any

    def set_flag(self, flag: Any) -> None: ...  # noqa: ANN401  (an enumeration of the module)

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None: ...  # noqa: ANN401

    def add_optimization_profile(self, profile: Profile) -> int: ...

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache | None: ...

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool: ...

    def get_timing_cache(self) -> TimingCache | None: ...


class Builder(Protocol):
    """Makes engines."""

    def create_network(self, flags: int) -> Network: ...

    def create_builder_config(self) -> Config: ...

    def create_optimization_profile(self) -> Profile: ...

    def build_serialized_network(self, network: Network, config: Config) -> Memory | None: ...


class Context(Protocol):
    """Runs an engine on one shape at a time."""

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool: ...

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool: ...

    def set_tensor_address(self, name: str, memory: int) -> bool: ...

    def get_tensor_shape(self, name: str) -> Sequence[int]: ...

    def execute_async_v3(self, stream_handle: int) -> bool: ...


class Engine(Protocol):
    """An engine in memory."""

    num_io_tensors: int
    num_optimization_profiles: int

    def get_tensor_name(self, index: int) -> str: ...

    def get_tensor_mode(self, name: str) -> Any: ...  # noqa: ANN401

    def get_tensor_dtype(self, name: str) -> Any: ...  # noqa: ANN401

    def create_execution_context(self) -> Context | None: ...


class Runtime(Protocol):
    """Opens engines."""

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Engine | None: ...


class Module(Protocol):
    """The module `tensorrt` or `tensorrt_rtx`. Enumerations are taken from it by name."""

    __version__: str
    BuilderFlag: Any
    ILogger: Any
    MemoryPoolType: Any
    NetworkDefinitionCreationFlag: Any
    TensorIOMode: Any

    def Builder(self, logger: object) -> Builder: ...

    def OnnxParser(self, network: Network, logger: object) -> Parser: ...

    def Runtime(self, logger: object) -> Runtime: ...

    def nptype(self, trt_type: Any) -> type[np.generic]: ...  # noqa: ANN401
