"""One bucket of lengths: an execution context with its profile, pinned buffers bound by name, and a CUDA graph.

NVIDIA's guide asks for one context a captured graph, since a graph keeps the context's shapes and addresses. Shapes and
addresses of a bucket never change, so its graph is captured once and can never be stale.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edgebert.errors import EngineError
from edgebert.tensorrt.api import Context, Engine, Module
from edgebert.tensorrt.cuda import Driver, Graph, Stream
from edgebert.tensorrt.plan import Profile

Array = npt.NDArray[np.generic]


class Bucket:
    """Runs rows of one exact shape."""

    def __init__(
        self, module: Module, engine: Engine, index: int, profile: Profile, driver: Driver, stream: Stream
    ) -> None:
        """Make a context for a profile of an engine.

        Raises:
            EngineError: TensorRT refuses, or the engine is not that of a BERT encoder.
        """
        self.profile = profile
        self._driver = driver
        self._stream = stream
        context = engine.create_execution_context()
        if context is None:
            raise EngineError("TensorRT cannot make an execution context: there is not enough memory on the device")
        self._context: Context = context
        self.inputs: dict[str, Array] = {}
        outputs = []
        _check(context.set_optimization_profile_async(index, stream), f"set profile {index}")
        driver.synchronize(stream)
        for name in (engine.get_tensor_name(at) for at in range(engine.num_io_tensors)):
            if engine.get_tensor_mode(name) == module.TensorIOMode.INPUT:
                _check(context.set_input_shape(name, (profile.batch, profile.tokens)), f"set the shape of {name}")
                self.inputs[name] = self._bind(module, engine, name, (profile.batch, profile.tokens))
            else:
                outputs.append(name)
        if len(outputs) != 1 or "input_ids" not in self.inputs:
            raise EngineError("the engine is not that of a BERT encoder: run `edgebert prepare --rebuild`")
        # the shape of an output is known once all inputs have theirs
        shape = tuple(int(extent) for extent in context.get_tensor_shape(outputs[0]))
        if any(extent < 1 for extent in shape):
            raise EngineError(f"the engine gives an output of shape {list(shape)}: run `edgebert prepare --rebuild`")
        self._output = self._bind(module, engine, outputs[0], shape)
        self._graph = self._capture()

    def run(self, values: Mapping[str, Array]) -> Array:
        """Run inputs [batch, tokens] and return a copy of the output.

        Raises:
            EngineError: the GPU failed.
        """
        for name, buffer in self.inputs.items():
            buffer[...] = values[name]
        if self._graph is None:
            self._enqueue()
        else:
            self._driver.launch(self._graph, self._stream)
        self._driver.synchronize(self._stream)
        output: Array = self._output.copy()
        return output

    def _bind(self, module: Module, engine: Engine, name: str, shape: tuple[int, ...]) -> Array:
        kind = np.dtype(module.nptype(engine.get_tensor_dtype(name)))
        memory = self._driver.pinned(int(np.prod(shape)) * kind.itemsize)
        _check(self._context.set_tensor_address(name, memory.address), f"bind {name}")
        bound: Array = memory.array.view(kind).reshape(shape)
        bound[...] = 1  # a text that every model takes, for the run that warms up
        return bound

    def _capture(self) -> Graph | None:
        # the first run after a change of shape does work that must not be in the graph
        self._enqueue()
        self._driver.synchronize(self._stream)
        return self._driver.capture(self._stream, self._enqueue)

    def _enqueue(self) -> None:
        _check(self._context.execute_async_v3(self._stream), "run")


def _check(done: bool, what: str) -> None:
    if not done:
        raise EngineError(f"TensorRT cannot {what}: run `edgebert prepare --rebuild`")
