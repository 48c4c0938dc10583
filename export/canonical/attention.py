"""Attention as nodes."""

from edgebert.export.canonical.assembler import Assembler
from edgebert.export.canonical.parts import add_input, add_multiplication, layer_operand
from edgebert.export.canonical.plan import Plan, needs_context
from edgebert.export.canonical.quantizers import PROBABILITY_MAX, add_quantizer
from edgebert.export.lower.weights import Weights

MASKED = -1e4  # added to the scores of padding: its exponential is zero, and unlike infinity FP16 can hold it

_PARTS = ("query", "key", "value")


def add_mask(graph: Assembler) -> str:
    """Add what the scores of a text are shifted by, [batch, 1, 1, tokens]: zero for a token, `MASKED` for padding."""
    mask = graph.to_float("attention_mask", "mask.float")
    padding = graph.add("Sub", [graph.floats("one", 1), mask], "mask.padding")
    shift = graph.add("Mul", [padding, graph.floats("masked", MASKED)], "mask.shift")
    return graph.add("Unsqueeze", [shift, graph.integers("mask.axes", [1, 2])], "mask")


def add_attention(graph: Assembler, weights: Weights, number: int, hidden: str, mask: str, plan: Plan) -> str:
    """Add the attention of a layer over ``hidden`` [batch, tokens, hidden] and return its output, of the same shape."""
    parts = _project(graph, weights, number, hidden, plan)
    name = f"layer.{number}"
    context = _mix(graph, name, _split_heads(graph, weights, name, parts), mask, plan)
    if needs_context(plan, number):
        context = add_quantizer(graph, context, f"{name}.context", plan.range(f"{name}.context"))
    swapped = graph.add("Transpose", [context], f"{name}.context.swapped", perm=[0, 2, 1, 3])
    merged = graph.integers("heads.merged", [0, 0, -1])
    return graph.add("Reshape", [swapped, merged], f"{name}.context.merged")


def _project(graph: Assembler, weights: Weights, number: int, hidden: str, plan: Plan) -> list[str]:
    """Add the products that make queries, keys and values, [batch, tokens, hidden] each."""
    read = add_input(graph, number, "qkv", hidden, plan)
    merged = layer_operand(graph, weights, number, "qkv", plan)
    name = f"layer.{number}.qkv"
    parts = [f"{name}.{part}" for part in _PARTS]
    if graph.dialect.merged_qkv:
        graph.split(add_multiplication(graph, read, name, merged), parts)
        return parts
    pieces = zip(parts, merged.parts(len(_PARTS)), strict=True)
    return [add_multiplication(graph, read, part, piece) for part, piece in pieces]


def _split_heads(graph: Assembler, weights: Weights, layer: str, parts: list[str]) -> list[str]:
    """Give every head its own matrix: [batch, heads, tokens, head size], the key's with its last two axes swapped."""
    size = weights.word.shape[1] // weights.heads
    shape = graph.integers("heads.split", [0, 0, weights.heads, size])
    split = []
    for part, name in zip(parts, _PARTS, strict=True):
        apart = graph.add("Reshape", [part, shape], f"{part}.heads")
        order = [0, 2, 3, 1] if name == "key" else [0, 2, 1, 3]
        split.append(graph.add("Transpose", [apart], f"{layer}.{name}", perm=order))
    return split


def _mix(graph: Assembler, name: str, parts: list[str], mask: str, plan: Plan) -> str:
    """Add softmax(Q K' + mask) V and return it, ``NAME.context`` [batch, heads, tokens, head size]."""
    if plan.attention:
        parts = [add_quantizer(graph, part, part, plan.range(part)) for part in parts]
    query, key, value = parts
    scores = graph.add("MatMul", [query, key], f"{name}.scores")
    shifted = graph.add("Add", [scores, mask], f"{name}.scores.masked")
    probabilities = graph.add("Softmax", [shifted], f"{name}.probabilities", axis=-1)
    if plan.attention:
        probabilities = add_quantizer(graph, probabilities, probabilities, PROBABILITY_MAX)
    return graph.add("MatMul", [probabilities, value], f"{name}.context")
