"""From weights to a graph."""

import numpy as np
import onnx

from edgebert.export.canonical.assembler import Assembler
from edgebert.export.canonical.attention import add_mask
from edgebert.export.canonical.dialects import Dialect
from edgebert.export.canonical.embeddings import add_embeddings
from edgebert.export.canonical.layers import add_layer
from edgebert.export.canonical.parts import add_product
from edgebert.export.canonical.plan import Plan
from edgebert.export.lower.weights import Linear, Weights


def build(weights: Weights, plan: Plan, dialect: Dialect) -> onnx.ModelProto:
    """Write a BERT as a graph.

    Embeddings, LayerNorm, softmax, GELU and the head stay in float: that is where INT8 costs accuracy and saves little.

    Args:
        weights: the encoder and its head.
        plan: what is INT8; `FLOAT` for nothing.
        dialect: how the engine wants it written.

    Returns:
        A graph from int32 ``input_ids``, ``attention_mask`` and ``token_type_ids`` [batch, tokens] to float32
        ``last_hidden_state`` [batch, tokens, hidden], or ``logits`` [batch, labels] or, of a head for every token,
        [batch, tokens, labels].

    Raises:
        InputError: the plan lacks a range that it needs, or the dialect cannot have what it asks for.
        CheckpointError: a weight does not fit the float type of the dialect.
    """
    graph = Assembler(dialect)
    hidden, mask = add_embeddings(graph, weights), add_mask(graph)
    for number in range(len(weights.layers)):
        hidden = add_layer(graph, weights, number, hidden, mask, plan)
    if weights.classifier is None:
        return graph.finish(hidden, "last_hidden_state", ["batch", "tokens", weights.word.shape[1]])
    pooled = hidden if weights.pooler is None else _add_pooler(graph, weights.pooler, hidden)
    logits = add_product(graph, weights.classifier, pooled, "classifier")
    tokens = ["tokens"] if weights.pooler is None else []
    return graph.finish(logits, "logits", ["batch", *tokens, weights.classifier.weight.shape[1]])


def _add_pooler(graph: Assembler, pooler: Linear, hidden: str) -> str:
    """Add the pooler on the first token of each text and return its output, [batch, hidden]."""
    first = graph.add("Gather", [hidden, graph.constant("first", np.array(0, np.int64))], "first_token", axis=1)
    return graph.add("Tanh", [add_product(graph, pooler, first, "pooler")], "pooled")
