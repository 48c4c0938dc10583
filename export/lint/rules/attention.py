"""Attention in INT8: only where TensorRT keeps its fused kernel, and then as a whole.

The conditions are those of "Multi-Head Attention Fusion" in NVIDIA's developer guide.
"""

from collections.abc import Iterator

import numpy as np

from edgebert.export.lint.findings import Hit, hit, rule
from edgebert.export.lint.patterns import Attention, attentions, dequantizer, origin
from edgebert.export.lint.view import View, input_of, is_onnx, name_of
from edgebert.export.platforms import (
    ATTENTION_CAPABILITY,
    ATTENTION_HEAD_SIZES,
    ATTENTION_HEAD_SIZES_FLOAT16,
    ATTENTION_TOKENS,
    Platform,
)


def _quantized(view: View, attention: Attention) -> bool:
    """Return whether any input of the two products is quantized."""
    inputs = [*attention.scores.input[:2], *attention.context.input[:2]]
    return any(dequantizer(view, name) is not None for name in inputs)


def _head_size(view: View, attention: Attention) -> int | None:
    shape = view.shape(input_of(attention.scores, 0))
    return shape[-1] if shape else None


def _tokens(view: View, attention: Attention) -> int | None:
    shape = view.shape(input_of(attention.softmax, 0))
    return view.max_tokens or (shape[-1] if shape else None)


@rule("attention-board", "warning", "leave attention in float on this board")
def attention_board(view: View, platform: Platform) -> Iterator[Hit]:
    """Attention is quantized only for boards of compute capability 7.5 or more.

    Older ones, Xavier with 7.2, have no fused attention: INT8 splits it into kernels and reformats.
    """
    capability = platform.board.compute_capability
    for attention in attentions(view):
        if capability < ATTENTION_CAPABILITY and _quantized(view, attention):
            yield hit(attention.scores, f"{platform.board.name} has compute capability {capability[0]}.{capability[1]}")


@rule("attention-head-size", "warning", "leave attention in float for this head size")
def attention_head_size(view: View, platform: Platform) -> Iterator[Hit]:
    """Attention is quantized only for heads of 16, 32 or 64.

    For others TensorRT has no fused INT8 attention, and INT8 is slower there than FP16.
    """
    for attention in attentions(view):
        size = _head_size(view, attention)
        if size is not None and size not in ATTENTION_HEAD_SIZES and _quantized(view, attention):
            yield hit(attention.scores, f"the head size is {size}, fused INT8 attention has {ATTENTION_HEAD_SIZES}")


@rule("attention-head-size-float16", "warning", "choose a model whose heads are a multiple of 8 from 16 to 256")
def attention_head_size_float16(view: View, platform: Platform) -> Iterator[Hit]:
    """The head size is a multiple of 8 from 16 to 256.

    For others TensorRT before 10.14 has no fused attention at all; a hidden size of 312 with 12 heads has 26.
    """
    old = [release for release in platform.releases if release.version < (10, 14)]
    for attention in attentions(view):
        size = _head_size(view, attention)
        if old and size is not None and size not in ATTENTION_HEAD_SIZES_FLOAT16:
            yield hit(attention.scores, f"the head size is {size}")


@rule("attention-length", "warning", "leave attention in float, or export for at most 512 tokens")
def attention_length(view: View, platform: Platform) -> Iterator[Hit]:
    """Attention is quantized only up to 512 tokens.

    Beyond, the fused INT8 kernel does not exist and attention falls into three kernels.
    """
    for attention in attentions(view):
        tokens = _tokens(view, attention)
        if tokens is not None and tokens > ATTENTION_TOKENS and _quantized(view, attention):
            yield hit(attention.scores, f"inputs have up to {tokens} tokens")


@rule("attention-partial", "warning", "quantize query, key, probabilities, value and the context, or none of them")
def attention_partial(view: View, platform: Platform) -> Iterator[Hit]:
    """INT8 attention has pairs on both inputs of both products and on the context.

    TensorRT fuses it in INT8 only with Q/DQ before the first product, after the softmax and after the second product.
    """
    for attention in attentions(view):
        if not _quantized(view, attention):
            continue
        for node, words in ((attention.scores, ("query", "key")), (attention.context, ("probabilities", "value"))):
            for name, word in zip(node.input, words, strict=False):
                if dequantizer(view, name) is None:
                    yield hit(node, f"the {word} {name!r} is in float")
        if not _reaches_quantizer(view, attention.context.output[0]):
            yield hit(attention.context, "its output, the context, is in float")


@rule("attention-scores-scaled", "warning", "fold 1/sqrt(head size) into the weight and bias of the query")
def attention_scores_scaled(view: View, platform: Platform) -> Iterator[Hit]:
    """The scores are not scaled after the product.

    TensorRT fuses attention where query or key carry the factor; folded into the query's weight it costs nothing.
    """
    for attention in attentions(view):
        for node in attention.between:
            if is_onnx(node, "Mul", "Div") and any(origin(view, name) is not None for name in node.input):
                yield hit(node, f"it scales the scores of {name_of(attention.scores)}")


@rule("attention-probability-scale", "warning", "give the probabilities the scale 1/127")
def attention_probability_scale(view: View, platform: Platform) -> Iterator[Hit]:
    """The probabilities have the scale 1/127.

    A softmax gives at most 1: a larger scale wastes codes, and a smaller one cuts the strongest attention off.
    """
    for attention in attentions(view):
        for use in view.users(attention.softmax):
            if is_onnx(use.node, "QuantizeLinear"):
                scale = view.floats(input_of(use.node, 1))
                if scale is not None and scale.size == 1 and not np.isclose(scale.item(), 1 / 127, rtol=2e-3):
                    yield hit(use.node, f"the scale of the probabilities is {scale.item():.6g}")


def _reaches_quantizer(view: View, tensor: str) -> bool:
    """Return whether a tensor is quantized after it was moved, and perhaps smoothed, at most."""
    waiting = [tensor]
    for _ in range(16):
        if not waiting:
            return False
        for use in view.uses(waiting.pop()):
            if is_onnx(use.node, "QuantizeLinear"):
                return True
            if is_onnx(use.node, "Transpose", "Reshape", "Mul", "Cast", "Identity"):
                waiting.extend(use.node.output)
    return False
