"""Run a graph on samples and keep what is asked of its activations, in bounded memory."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime

from edgebert.calibration.observers import Observer
from edgebert.calibration.ranges import Range, Ranges
from edgebert.calibration.samples import Sample, samples_sha256
from edgebert.errors import InputError

Floats = npt.NDArray[np.float32]
Observers = Mapping[str, Callable[[], Observer]]  # what makes an observer, by kind of tensor


def kind_of(tensor: str) -> str:
    """Return the kind of an activation: "qkv.input" of "layer.3.qkv.input"; of another tensor, its name."""
    parts = tensor.split(".", 2)
    return parts[2] if len(parts) == 3 and parts[0] == "layer" and parts[1].isdecimal() else tensor


def observer_of(tensor: str, observers: Observers) -> Callable[[], Observer]:
    """Return what makes the observer of a tensor.

    Raises:
        InputError: there is none for its kind.
    """
    kind = kind_of(tensor)
    if kind not in observers:
        raise InputError(f"no observer is named for {kind!r}, the kind of {tensor!r}: name one")
    return observers[kind]


def collect(
    graph: bytes, tensors: Sequence[str], observers: Observers, samples: Iterable[Sample], model_sha256: str
) -> Ranges:
    """Return the ranges of some activations over all samples.

    Args:
        graph: a serialized ONNX graph in FP32 that has the tensors among its outputs.
        tensors: their names.
        observers: by `kind_of` a tensor.
        samples: texts, one a run, never padded; the result does not depend on their order.
        model_sha256: hash of the model's weights.

    Raises:
        InputError: the graph does not load or has no such output, a kind has no observer, there is no sample, or an
            activation is NaN or infinite.
    """
    return collect_all(graph, tensors, [observers], samples, model_sha256)[0]


def collect_all(
    graph: bytes, tensors: Sequence[str], choices: Sequence[Observers], samples: Iterable[Sample], model_sha256: str
) -> list[Ranges]:
    """Return what `collect` would for each of several choices of observers, in one pass over the samples."""
    watched = [{name: observer_of(name, observers)() for name in tensors} for observers in choices]
    used: list[Sample] = []
    for sample, values in activations(graph, tensors, samples):
        used.append(sample)
        for by_tensor in watched:
            for name, observer in by_tensor.items():
                observer.observe(values[name])
    return [
        Ranges(
            {name: Range(observer.amax(), observer.name) for name, observer in by_tensor.items()},
            model_sha256,
            samples_sha256(used),
            len(used),
        )
        for by_tensor in watched
    ]


@dataclasses.dataclass(frozen=True)
class Channels:
    """What the channels of a tensor looked like: float32 [channels] each."""

    maxima: Floats  # largest absolute value
    means: Floats


def channel_statistics(graph: bytes, tensors: Sequence[str], samples: Iterable[Sample]) -> dict[str, Channels]:
    """Return the statistics of each channel of some tensors over all tokens of all samples.

    Args:
        graph: a serialized ONNX graph in FP32 that has the tensors among its outputs.
        tensors: names of tensors of shape [1, tokens, channels].
        samples: texts, one a run, never padded.

    Raises:
        InputError: there is no sample, or an activation is NaN or infinite.
    """
    maxima: dict[str, Floats] = {}
    sums: dict[str, npt.NDArray[np.float64]] = {}
    tokens = 0
    for sample, values in activations(graph, tensors, samples):
        tokens += sample.tokens
        for name, value in values.items():
            largest, summed = np.abs(value[0]).max(axis=0), value[0].sum(axis=0, dtype=np.float64)
            maxima[name] = np.maximum(maxima[name], largest) if name in maxima else largest
            sums[name] = sums[name] + summed if name in sums else summed
    return {name: Channels(maxima[name], (sums[name] / tokens).astype(np.float32)) for name in maxima}


def channel_maxima(graph: bytes, tensors: Sequence[str], samples: Iterable[Sample]) -> dict[str, Floats]:
    """Return the largest absolute value of each channel, float32 [channels] by tensor; see `channel_statistics`."""
    return {name: each.maxima for name, each in channel_statistics(graph, tensors, samples).items()}


def activations(
    graph: bytes, tensors: Sequence[str], samples: Iterable[Sample]
) -> Iterator[tuple[Sample, dict[str, Floats]]]:
    """Yield each sample and the values of tensors on it; arguments and errors are those of `channel_statistics`."""
    names = list(dict.fromkeys(tensors))
    session = _session(graph)
    missing = set(names).difference(output.name for output in session.get_outputs())
    if missing:
        raise InputError(f"{min(missing)!r} is not among the outputs of the graph: make it one to measure it")
    empty = True
    for sample in samples:
        empty = False
        values = dict(zip(names, session.run(names, sample.feed()), strict=True))
        for name, value in values.items():
            if not np.isfinite(np.abs(value).max(initial=0.0)):
                raise InputError(
                    f"the activation {name!r} is NaN or infinite on a sample: the model cannot be quantized"
                )
        yield sample, values
    if empty:
        raise InputError("there are no samples: give at least one text")


def run_graph(graph: bytes, samples: Iterable[Sample]) -> Iterator[Floats]:
    """Yield the first output of a serialized ONNX graph for each sample."""
    session = _session(graph)
    for sample in samples:
        yield session.run(None, sample.feed())[0]


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal; failures arrive as exceptions
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own that have no common base
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"ONNX Runtime does not load the graph: {reason}") from error
