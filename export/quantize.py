"""From the FP32 graph to the INT8 graph of a CPU target.

Weights have a symmetric scale per output channel; activations one asymmetric scale a tensor, found at run time. Attention's
products, softmax, GELU, LayerNorm, the pooler and the classifier stay in float: that is where INT8 costs accuracy (Bondarenko
et al., EMNLP 2021) and saves little.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from edgebert.calibration import Sample, channel_maxima, smoothing_factors
from edgebert.errors import CheckpointError
from edgebert.export.embedding import quantize_embeddings
from edgebert.export.graph import anonymous, quiet, with_outputs
from edgebert.export.linears import Linear, find_linears
from edgebert.export.saturation import check_saturation
from edgebert.export.targets import Target
from edgebert.manifest import Shape

Floats = npt.NDArray[np.float32]

# how much of an outlier channel moves into the weights, by kind of layer; docs/decisions/0004 has the measurement
_ALPHA = {"qkv": 0.75, "intermediate": 0.75, "output": 0.85}


def quantize(graph: onnx.ModelProto, shape: Shape, samples: Sequence[Sample], target: Target) -> onnx.ModelProto:
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
    model = onnx.ModelProto()
    model.CopyFrom(graph)
    linears = find_linears(model, shape)
    smoothed = [linear for linear in linears if linear.kind in _ALPHA]
    inputs = [linear.input for linear in smoothed]
    _smooth(model, smoothed, channel_maxima(with_outputs(graph, inputs), inputs, samples))
    quantize_embeddings(model)
    quantized = _quantize_linears(model, linears, target)
    _check_integer(quantized, shape)
    if target.weight_bits == 7:
        check_saturation(quantized)
    return anonymous(quantized)


def _smooth(model: onnx.ModelProto, linears: Sequence[Linear], maxima: Mapping[str, Floats]) -> None:
    """Put a multiplication before each linear layer and its inverse into the weight, in place."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    before: dict[str, onnx.NodeProto] = {}
    for linear in linears:
        weight = numpy_helper.to_array(tensors[linear.weight])  # [in, out]
        factors = smoothing_factors(maxima[linear.input], weight, _ALPHA[linear.kind])
        tensors[linear.weight].CopyFrom(numpy_helper.from_array(weight * factors[:, None], linear.weight))
        scaled = f"{linear.weight}.input"
        inverse = numpy_helper.from_array(1 / factors, f"{linear.weight}.smoothing")
        model.graph.initializer.append(inverse)
        before[linear.node.name] = helper.make_node("Mul", [linear.input, inverse.name], [scaled], scaled)
        linear.node.input[0] = scaled
    nodes = [each for node in model.graph.node for each in (before.get(node.name), node) if each is not None]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


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
            f"only {found['QAttention']} attentions and {found['MatMulInteger']} products of {shape.layers} layers became INT8"
        )
