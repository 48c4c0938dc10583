"""Build one engine from a graph. It runs in a process of its own, because a crash in here ends the process."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from edgebert.errors import EngineError
from edgebert.tensorrt import adapter
from edgebert.tensorrt.api import Builder, Config, Network, Parser
from edgebert.tensorrt.library import Library, make_logger
from edgebert.tensorrt.plan import Profile


@dataclasses.dataclass(frozen=True)
class BuildJob:
    """What to build."""

    graph: Path
    flags: tuple[str, ...]  # see `edgebert.tensorrt.plan.FLAGS`
    profiles: tuple[Profile, ...]
    workspace_bytes: int  # what a kernel may use beside its inputs and outputs
    timing_cache: bytes  # of an earlier build on this device, or empty


@dataclasses.dataclass(frozen=True)
class Built:
    """A serialized engine, and how fast each kernel was."""

    engine: bytes
    timing_cache: bytes


def build_engine(library: Library, job: BuildJob, report: Callable[[float], None] = lambda part: None) -> Built:
    """Build an engine.

    Args:
        library: TensorRT or TensorRT-RTX.
        job: what to build.
        report: told the done part from 0 to 1 where TensorRT knows it.

    Raises:
        EngineError: TensorRT refuses the graph or finds no kernels for it.
    """
    errors: list[str] = []
    logger = make_logger(library.module, errors)
    builder = _builder(library, logger, errors)
    network = adapter.create_network(library, builder, job.flags)
    parser = library.module.OnnxParser(network, logger)
    if not parser.parse_from_file(str(job.graph)):
        raise EngineError(
            f"TensorRT {library.version} does not accept {job.graph.name}: {_parser_error(parser, errors)}"
        )
    config = builder.create_builder_config()
    config.set_memory_pool_limit(library.module.MemoryPoolType.WORKSPACE, job.workspace_bytes)
    adapter.ask_for_precision(library, config, job.flags)
    adapter.watch_progress(library, config, report)
    _add_profiles(builder, config, network, job.profiles)
    _set_timing_cache(config, job.timing_cache)
    memory = builder.build_serialized_network(network, config)
    if memory is None:
        raise EngineError(f"TensorRT {library.version} cannot build {job.graph.name}: {_last(errors)}")
    timings = config.get_timing_cache()
    return Built(_bytes(memory), _bytes(timings.serialize()) if timings is not None else b"")


def _builder(library: Library, logger: object, errors: list[str]) -> Builder:
    try:
        return library.module.Builder(logger)
    except Exception as error:  # without a driver pybind11 raises TypeError: the factory returned null
        raise EngineError(
            f"TensorRT {library.version} does not start, {_last(errors)}: is the NVIDIA driver loaded, "
            "and may this user open /dev/nv*?"
        ) from error


def _add_profiles(builder: Builder, config: Config, network: Network, profiles: Sequence[Profile]) -> None:
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    wrong = next((tensor.name for tensor in inputs if len(tensor.shape) != 2), None)
    if wrong is not None or network.num_outputs != 1:
        raise EngineError(
            f"the graph is not that of a BERT encoder ({f'input {wrong!r} is' if wrong else 'its outputs are'} wrong): "
            "export the bundle again"
        )
    for profile in profiles:
        shape = (profile.batch, profile.tokens)
        shapes = builder.create_optimization_profile()
        for tensor in inputs:
            shapes.set_shape(tensor.name, shape, shape, shape)
        config.add_optimization_profile(shapes)


def _set_timing_cache(config: Config, content: bytes) -> None:
    """Begin with the timings of an earlier build; TensorRT refuses those of another device or version."""
    cache = config.create_timing_cache(content) or config.create_timing_cache(b"")
    if cache is not None:
        config.set_timing_cache(cache, False)


def _parser_error(parser: Parser, errors: list[str]) -> str:
    if not parser.num_errors:
        return _last(errors)
    error = parser.get_error(0)
    return " ".join(str(error.desc()).split())


def _last(errors: list[str]) -> str:
    return " ".join(errors[-1].split()) if errors else "it does not say why"


def _bytes(memory: object) -> bytes:
    return bytes(memoryview(memory))  # type: ignore[arg-type]  # TensorRT's memory is a buffer
