"""Find the linear layers of the encoder in a fused graph."""

import dataclasses
from collections.abc import Iterator

import onnx

from edgebert.errors import CheckpointError
from edgebert.manifest import Shape

KINDS = ("qkv", "attention_output", "intermediate", "output")


@dataclasses.dataclass(frozen=True)
class Linear:
    """A linear layer: the node that computes it, and the names of its input tensor and its weight [in, out]."""

    node: onnx.NodeProto
    layer: int  # number of its encoder layer
    kind: str
    input: str
    weight: str


def find_linears(model: onnx.ModelProto, shape: Shape) -> list[Linear]:
    """Return the linear layers of all encoder layers in the order of the graph: four a layer, as in `KINDS`.

    Raises:
        CheckpointError: the graph does not have them all.
    """
    producers = {name: node.op_type for node in model.graph.node for name in node.output}
    weights = {tensor.name for tensor in model.graph.initializer}
    linears = [
        Linear(node, number // len(KINDS), _kind(node, producers), node.input[0], node.input[1])
        for number, node in enumerate(_products(model, weights))
    ]
    found = [linear.kind for linear in linears]
    if found != list(KINDS) * shape.layers:
        raise CheckpointError(
            f"the graph has {len(found)} linear layers, {4 * shape.layers} in order of the encoder were expected"
        )
    return linears


def _products(model: onnx.ModelProto, weights: set[str]) -> Iterator[onnx.NodeProto]:
    nodes = list(model.graph.node)
    end = max((at for at, node in enumerate(nodes) if node.op_type == "SkipLayerNormalization"), default=0)
    for node in nodes[:end]:  # what follows the last normalization is the head
        if node.op_type in ("Attention", "MatMul") and node.input[1] in weights:
            yield node


def _kind(node: onnx.NodeProto, producers: dict[str, str]) -> str:
    if node.op_type == "Attention":
        return "qkv"
    producer = producers.get(node.input[0], "")
    return {"Attention": "attention_output", "SkipLayerNormalization": "intermediate"}.get(producer, "output")
