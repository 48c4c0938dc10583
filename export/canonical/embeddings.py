"""The embeddings as nodes."""

import torch

from edgebert.export.canonical.assembler import Assembler
from edgebert.export.canonical.parts import add_norm
from edgebert.export.embedding import quantize_rows
from edgebert.export.lower.weights import Weights


def add_embeddings(graph: Assembler, weights: Weights) -> str:
    """Add the sum of the three embeddings and its LayerNorm, and return that, [batch, tokens, hidden]."""
    word = _look_up(graph, "embeddings.word", weights.word, "Gather", ["input_ids"])
    shape = graph.add("Shape", ["input_ids"], "embeddings.shape")
    start, end = graph.integers("embeddings.start", [0]), graph.integers("embeddings.end", [2])
    one = graph.integers("embeddings.one", [1])
    tokens = graph.add("Slice", [shape, one, end, start], "embeddings.tokens")
    position = _look_up(graph, "embeddings.position", weights.position, "Slice", [start, tokens, start])
    types = graph.floats("embeddings.type.weight", weights.type)
    kind = graph.add("Gather", [types, "token_type_ids"], "embeddings.type")
    rest = graph.add("Add", [position, kind], "embeddings.rest")
    summed = graph.add("Add", [word, rest], "embeddings.sum")
    return add_norm(graph, weights.norm, summed, "embeddings.norm", weights.epsilon)


def _look_up(graph: Assembler, name: str, table: torch.Tensor, operator: str, where: list[str]) -> str:
    """Add the choice of rows of a table by ``operator`` and return them as floats, ``name``."""
    if not graph.dialect.integer_embeddings:
        return graph.add(operator, [graph.floats(f"{name}.weight", table), *where], name)
    rows, scales = quantize_rows(table.numpy())
    codes = graph.add(operator, [graph.constant(f"{name}.rows", rows), *where], f"{name}.codes")
    scale = graph.add(operator, [graph.floats(f"{name}.scales", scales), *where], f"{name}.scale")
    return graph.add("Mul", [graph.to_float(codes, f"{name}.unscaled"), scale], name)
