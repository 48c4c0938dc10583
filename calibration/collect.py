"""Run a graph on samples and keep what is asked of its activations, in bounded memory."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime

from edgebert.errors import InputError

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]


@dataclasses.dataclass(frozen=True)
class Sample:
    """One text as a model takes it, without padding: int32 [1, tokens] each."""

    input_ids: Ids
    token_type_ids: Ids

    def feed(self) -> dict[str, Ids]:
        """Return the inputs of a BERT graph."""
        mask = np.ones_like(self.input_ids)
        return {"input_ids": self.input_ids, "attention_mask": mask, "token_type_ids": self.token_type_ids}


def channel_maxima(graph: bytes, tensors: Sequence[str], samples: Iterable[Sample]) -> dict[str, Floats]:
    """Return the largest absolute value of each channel of some tensors over all samples.

    Args:
        graph: a serialized ONNX graph in FP32 that has the tensors among its outputs.
        tensors: names of tensors of shape [1, tokens, channels].
        samples: texts, one a run, never padded.

    Returns:
        float32 [channels] by tensor.

    Raises:
        InputError: there is no sample, or an activation is NaN or infinite.
    """
    names = list(dict.fromkeys(tensors))
    session = _session(graph)
    maxima: dict[str, Floats] = {}
    for sample in samples:
        for name, values in zip(names, session.run(names, sample.feed()), strict=True):
            largest = np.abs(values[0]).max(axis=0)  # [tokens, channels] -> [channels]
            if not np.isfinite(largest).all():
                raise InputError(
                    f"the activation {name!r} is NaN or infinite on a sample: the model cannot be quantized"
                )
            maxima[name] = np.maximum(maxima[name], largest) if name in maxima else largest
    if not maxima:
        raise InputError("there are no samples: give at least one text")
    return maxima


def run_graph(graph: bytes, samples: Iterable[Sample]) -> Iterator[Floats]:
    """Yield the first output of a serialized ONNX graph for each sample."""
    session = _session(graph)
    for sample in samples:
        yield session.run(None, sample.feed())[0]


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal; failures arrive as exceptions
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
