"""From the FP32 graph to the INT8 graph of a CPU target.

Weights have a symmetric scale per output channel; activations one asymmetric scale a tensor, found at run time.
Attention's products, softmax, GELU, LayerNorm, the pooler and the classifier stay in float: that is where INT8 costs
accuracy (Bondarenko et al., EMNLP 2021) and saves little.
"""

import dataclasses
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from edgebert.calibration import Sample, channel_maxima, run_graph
from edgebert.errors import CheckpointError
from edgebert.export.embedding import quantize_embeddings
from edgebert.export.graph import anonymous, with_outputs
from edgebert.export.linears import Linear, find_linears
from edgebert.export.quiet import quiet
from edgebert.export.saturation import check_saturation
from edgebert.export.smoothing import CANDIDATES, SMOOTHED, Alphas, smooth
from edgebert.export.targets import Target
from edgebert.manifest import Shape

Floats = npt.NDArray[np.float32]

_JUDGES = 32  # samples on which the candidates for smoothing are compared


@dataclasses.dataclass(frozen=True)
class Quantized:
    """An INT8 graph and the smoothing that served it best."""

    model: onnx.ModelProto
    smoothing: Alphas | None


def quantize(graph: onnx.ModelProto, shape: Shape, samples: Sequence[Sample], target: Target) -> Quantized:
    """Quantize a fused FP32 graph for a CPU target; the graph itself is not changed.

    Args:
        graph: what `edgebert.export.graph.to_graph` returned.
        shape: its sizes.
        samples: texts for smoothing.
        target: decides how many bits a weight has.

    Raises:
        InputError: there are no samples, or an activation is not finite.
        CheckpointError: a linear layer of the encoder would not run in INT8.
    """
    inputs = [linear.input for linear in find_linears(graph, shape) if linear.kind in SMOOTHED]
    maxima = channel_maxima(with_outputs(graph, inputs), inputs, samples)
    judges = samples[:: max(1, len(samples) // _JUDGES)]
    expected = list(run_graph(graph.SerializeToString(), judges))
    best: tuple[float, Quantized] | None = None
    for alphas in CANDIDATES:
        model = _quantize_with(graph, shape, maxima, alphas, target)
        error = _relative_error(expected, list(run_graph(model.SerializeToString(), judges)))
        if best is None or error < best[0]:
            best = error, Quantized(model, alphas)
    if best is None:
        raise ValueError("there are no candidates for smoothing")
    return best[1]


def _quantize_with(
    graph: onnx.ModelProto, shape: Shape, maxima: Mapping[str, Floats], alphas: Alphas | None, target: Target
) -> onnx.ModelProto:
    model = onnx.ModelProto()
    model.CopyFrom(graph)
    linears = find_linears(model, shape)
    if alphas is not None:
        smooth(model, [linear for linear in linears if linear.kind in SMOOTHED], maxima, alphas)
    quantize_embeddings(model)
    quantized = _quantize_linears(model, linears, target)
    _check_integer(quantized, shape)
    if target.weight_bits == 7:
        check_saturation(quantized)
    return anonymous(quantized)


def _relative_error(expected: Sequence[Floats], found: Sequence[Floats]) -> float:
    """Return the mean over samples of the distance from the expected output, as a share of its length."""
    shares = [np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in zip(expected, found, strict=True)]
    return float(np.mean(shares))


def _quantize_linears(model: onnx.ModelProto, linears: Sequence[Linear], target: Target) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "model.onnx"
        quantize_dynamic(
            model,
            path,
            nodes_to_quantize=[linear.node.name for linear in linears],
            op_types_to_quantize=["MatMul", "Attention"],
            per_channel=True,
            reduce_range=target.weight_bits == 7,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        return onnx.load(path)


def _check_integer(model: onnx.ModelProto, shape: Shape) -> None:
    found = Counter(node.op_type for node in model.graph.node)
    if (found["QAttention"], found["MatMulInteger"]) != (shape.layers, 3 * shape.layers):
        raise CheckpointError(
            f"only {found['QAttention']} attentions and {found['MatMulInteger']} products of {shape.layers} layers "
            "became INT8: this BERT has an unusual form"
        )
