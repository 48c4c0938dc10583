"""From the FP32 graph to the INT8 graph of a CPU target.

Weights have a symmetric scale per output channel; activations one asymmetric scale a tensor, found at run time.
Attention's products, softmax, GELU, LayerNorm, the pooler and the classifier stay in float: that is where INT8 costs
accuracy (Bondarenko et al., EMNLP 2021) and saves little.
"""

import dataclasses
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from edgebert.calibration import Sample, channel_maxima, run_graph
from edgebert.errors import CheckpointError
from edgebert.export.embedding import quantize_embeddings
from edgebert.export.graph import anonymous, with_outputs
from edgebert.export.judges import judges_of, relative_error
from edgebert.export.linears import Linear, find_linears
from edgebert.export.mix import Made, Mix, layer_name, multiplications
from edgebert.export.quiet import quiet
from edgebert.export.saturation import check_saturation
from edgebert.export.smoothing import CANDIDATES, SMOOTHED, Alphas, smooth
from edgebert.export.targets import Target
from edgebert.manifest import Shape


class GraphMaker:
    """Makes the INT8 graph of a CPU target from one fused FP32 graph, with any smoothing and any layers in float."""

    engine = "onnxruntime"

    def __init__(self, graph: onnx.ModelProto, shape: Shape, samples: Sequence[Sample], target: Target) -> None:
        self._graph, self._shape, self._target = graph, shape, target
        inputs = [linear.input for linear in find_linears(graph, shape) if linear.kind in SMOOTHED]
        self._maxima = channel_maxima(with_outputs(graph, inputs), inputs, samples)
        judged = self._judged(samples)
        self._smoothings = {str(alphas or "none"): alphas for alphas, _ in judged}
        self.smoothing, self.best = judged[0]

    @property
    def settings(self) -> tuple[str, ...]:
        """The strengths of smoothing, from the least error on the samples."""
        return tuple(self._smoothings)

    @property
    def safest(self) -> str:
        """The strengths with the least error."""
        return self.settings[0]

    def make(self, mix: Mix) -> Made:
        """Make the graph with the smoothing that the mix names."""
        model = self.model(self._smoothings[mix.setting], mix.floats)
        return Made(bytes(model.SerializeToString()), {"smoothing": mix.setting})

    def alone(self, layer: str) -> Made:
        """Make the graph with one linear layer in INT8."""
        return self.make(Mix(self.settings[0], frozenset(multiplications(self._shape)) - {layer}))

    def model(self, alphas: Alphas | None, floats: frozenset[str] = frozenset()) -> onnx.ModelProto:
        """Quantize the graph.

        Args:
            alphas: strength of smoothing; None for none.
            floats: linear layers that stay as they are.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self._graph)
        linears = [
            linear for linear in find_linears(model, self._shape) if layer_name(linear.layer, linear.kind) not in floats
        ]
        if alphas is not None:
            smooth(model, [linear for linear in linears if linear.kind in SMOOTHED], self._maxima, alphas)
        quantize_embeddings(model)
        quantized = _quantize_linears(model, linears, self._target) if linears else model
        _check_integer(quantized, linears)
        if self._target.weight_bits == 7:
            check_saturation(quantized)
        return anonymous(quantized)

    def _judged(self, samples: Sequence[Sample]) -> list[tuple[Alphas | None, onnx.ModelProto]]:
        """Return the candidates for smoothing and what they give, from the least error on some of the samples."""
        judges = judges_of(samples)
        expected = list(run_graph(self._graph.SerializeToString(), judges))
        found = [(alphas, self.model(alphas)) for alphas in CANDIDATES]
        errors = [relative_error(expected, list(run_graph(each.SerializeToString(), judges))) for _, each in found]
        return [found[at] for at in np.argsort(errors, kind="stable")]


@dataclasses.dataclass(frozen=True)
class Quantized:
    """An INT8 graph, the smoothing that served it best, and what can make it in other ways."""

    model: onnx.ModelProto
    smoothing: Alphas | None
    maker: GraphMaker


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
    maker = GraphMaker(graph, shape, samples, target)
    return Quantized(maker.best, maker.smoothing, maker)


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


def _check_integer(model: onnx.ModelProto, linears: Sequence[Linear]) -> None:
    found = Counter(node.op_type for node in model.graph.node)
    attentions = sum(linear.kind == "qkv" for linear in linears)
    if (found["QAttention"], found["MatMulInteger"]) != (attentions, len(linears) - attentions):
        raise CheckpointError(
            f"only {found['QAttention']} attentions and {found['MatMulInteger']} products of {len(linears)} linear "
            "layers became INT8: this BERT has an unusual form"
        )
