"""Store the embedding tables of a graph as INT8 with one scale a row."""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Floats = npt.NDArray[np.float32]

_DOMAIN = "com.microsoft"


def quantize_rows(table: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Quantize each row of a table symmetrically: int8 [rows, columns] in -127..127 and scales, float32 [rows, 1].

    A row of zeros has the scale 1.
    """
    largest = np.abs(table).max(axis=1, keepdims=True)
    scales = np.where(largest > 0, largest / np.float32(127), np.float32(1)).astype(np.float32)
    return np.rint(table / scales).astype(np.int8), scales


def quantize_embeddings(model: onnx.ModelProto) -> None:
    """Replace EmbedLayerNormalization by look-ups in INT8 tables, in place.

    The token-type table stays in float: it has two rows.
    """
    nodes = list(model.graph.node)
    at = next(index for index, node in enumerate(nodes) if node.op_type == "EmbedLayerNormalization")
    embed = nodes[at]
    ids, types, word, position, token_type, gamma, beta = embed.input[:7]
    _store_rows(model, word)
    _store_rows(model, position)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.int64), "embeddings.first"))
    nodes[at : at + 1] = [
        *_dequantized("Gather", word, [ids]),
        helper.make_node("Shape", [ids], ["embeddings.tokens"], "embeddings.tokens", start=1, end=2),
        *_dequantized("Slice", position, ["embeddings.first", "embeddings.tokens", "embeddings.first"]),
        helper.make_node("Gather", [token_type, types], ["embeddings.type"], "embeddings.type"),
        helper.make_node("Add", ["embeddings.type", f"{position}.float"], ["embeddings.rest"], "embeddings.rest"),
        helper.make_node(
            "SkipLayerNormalization",
            [f"{word}.float", "embeddings.rest", gamma, beta],
            [embed.output[0]],
            "embeddings.normalization",
            domain=_DOMAIN,
            epsilon=next(a.f for a in embed.attribute if a.name == "epsilon"),
        ),
    ]
    _use_mask(nodes, embed.output[1])
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _store_rows(model: onnx.ModelProto, name: str) -> None:
    """Replace a float table by its INT8 rows and their scales."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    rows, scales = quantize_rows(numpy_helper.to_array(tensor))
    model.graph.initializer.remove(tensor)
    model.graph.initializer.append(numpy_helper.from_array(rows, f"{name}.rows"))
    model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scales"))


def _dequantized(look_up: str, table: str, where: list[str]) -> list[onnx.NodeProto]:
    """Nodes that look up rows of a table and multiply them by their scales, giving ``{table}.float``."""
    return [
        helper.make_node(look_up, [f"{table}.rows", *where], [f"{table}.int8"], f"{table}.int8"),
        helper.make_node(
            "Cast", [f"{table}.int8"], [f"{table}.unscaled"], f"{table}.unscaled", to=onnx.TensorProto.FLOAT
        ),
        helper.make_node(look_up, [f"{table}.scales", *where], [f"{table}.scale"], f"{table}.scale"),
        helper.make_node("Mul", [f"{table}.unscaled", f"{table}.scale"], [f"{table}.float"], f"{table}.float"),
    ]


def _use_mask(nodes: list[onnx.NodeProto], mask_index: str) -> None:
    """Give attention the mask itself instead of the index that EmbedLayerNormalization made of it."""
    for node in nodes:
        for at, name in enumerate(node.input):
            if name == mask_index:
                node.input[at] = "attention_mask"
