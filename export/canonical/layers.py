"""An encoder layer."""

from edgebert.export.canonical.assembler import Assembler
from edgebert.export.canonical.attention import add_attention
from edgebert.export.canonical.parts import add_gelu, add_linear, add_norm, add_residual
from edgebert.export.canonical.plan import Plan
from edgebert.export.lower.weights import Weights


def add_layer(graph: Assembler, weights: Weights, number: int, hidden: str, mask: str, plan: Plan) -> str:
    """Add encoder layer ``number`` on ``hidden`` [batch, tokens, hidden] and return its output of the same shape."""
    layer, name = weights.layers[number], f"layer.{number}"
    context = add_attention(graph, weights, number, hidden, mask, plan)
    attended = add_linear(graph, weights, number, "attention_output", context, plan)
    residual = add_residual(graph, hidden, f"{name}.attention_residual", plan)
    summed = graph.add("Add", [attended, residual], f"{name}.attention_sum")
    middle = add_norm(graph, layer.attention_norm, summed, f"{name}.attention_norm", weights.epsilon)
    inner = add_gelu(graph, add_linear(graph, weights, number, "intermediate", middle, plan), f"{name}.gelu")
    projected = add_linear(graph, weights, number, "output", inner, plan)
    residual = add_residual(graph, middle, f"{name}.output_residual", plan)
    summed = graph.add("Add", [projected, residual], f"{name}.output_sum")
    return add_norm(graph, layer.output_norm, summed, f"{name}.output_norm", weights.epsilon)
