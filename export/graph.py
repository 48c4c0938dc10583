"""From a checkpoint to the fused FP32 graph, the baseline of every comparison."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnxruntime.transformers import optimizer
from optimum.exporters.onnx import onnx_export_from_model

from edgebert.errors import CheckpointError
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.quiet import quiet
from edgebert.manifest import Shape

_TASKS = {
    "embed": "feature-extraction",
    "classify": "text-classification",
    "tag": "token-classification",
    "answer": "token-classification",  # with two labels, so that the graph has one output
}


def to_graph(checkpoint: Checkpoint) -> onnx.ModelProto:
    """Export a checkpoint with optimum and fuse it with ONNX Runtime's transformer optimizer.

    Returns:
        A graph from int32 ``input_ids``, ``attention_mask`` and ``token_type_ids`` [batch, tokens] to float32
        ``last_hidden_state`` [batch, tokens, hidden] or ``logits``: [batch, labels], or for each token [batch, tokens,
        labels], the two of an answer being its start and its end.

    Raises:
        CheckpointError: a layer was not fused, so the graph would not be the fast one that it claims to be.
    """
    with tempfile.TemporaryDirectory() as folder, quiet():
        onnx_export_from_model(
            checkpoint.model, folder, task=_TASKS[checkpoint.task], do_validation=False, no_post_process=True
        )
        fused = optimizer.optimize_model(
            str(Path(folder) / "model.onnx"),
            "bert",
            num_heads=checkpoint.shape.heads,
            hidden_size=checkpoint.shape.hidden,
            opt_level=0,  # the passes for BERT alone; what depends on this machine's CPU is left to the engine
        )
        fused.change_graph_inputs_to_int32()
    fused.topological_sort()
    check_fusion(fused.model, checkpoint.shape)
    if "com.microsoft" not in {opset.domain for opset in fused.model.opset_import}:
        fused.model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return anonymous(fused.model)


def check_fusion(model: onnx.ModelProto, shape: Shape) -> None:
    """Check that every layer became one attention, three products and two normalizations.

    Raises:
        CheckpointError: the counts differ.
    """
    found = Counter(node.op_type for node in model.graph.node)
    wanted = {"Attention": shape.layers, "SkipLayerNormalization": 2 * shape.layers, "EmbedLayerNormalization": 1}
    for kind, count in wanted.items():
        if found[kind] != count:
            raise CheckpointError(
                f"the graph has {found[kind]} {kind} nodes instead of {count}: this BERT has an unusual form"
            )


def with_outputs(model: onnx.ModelProto, tensors: Sequence[str]) -> bytes:
    """Return the serialized graph with some of its inner float tensors among its outputs."""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    known = {output.name for output in tapped.graph.output}
    for name in tensors:
        if name not in known:
            tapped.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
            known.add(name)
    return bytes(tapped.SerializeToString())


def anonymous(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what names the exporting machine or its tools, so that the same weights give the same bytes."""
    model.doc_string = ""
    model.producer_name, model.producer_version = "edgebert", ""
    del model.metadata_props[:]
    model.graph.name, model.graph.doc_string = "bert", ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    return model
