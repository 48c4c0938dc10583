"""Write a model file of the native engine: weights, tokenizer, settings and golden answers in one safetensors file."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edgebert import _native
from edgebert.calibration import Sample
from edgebert.container import Array, pack, unpack
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.embedding import quantize_rows
from edgebert.export.lower.integer import IntegerLinear
from edgebert.export.lower.scheme import FAST, Scheme
from edgebert.export.lower.weights import Linear, Norm, Weights
from edgebert.golden import Text
from edgebert.manifest import ClassifyHead, EmbedHead, TagHead

Floats = npt.NDArray[np.float32]

_PANEL = 16  # outputs that stand side by side in a packed weight


@dataclasses.dataclass(frozen=True)
class GoldenTexts:
    """Texts that a model file holds together with its answers to them."""

    texts: tuple[Text, ...]
    samples: tuple[Sample, ...]


def model_bytes(
    checkpoint: Checkpoint,
    weights: Weights,
    quantized: Sequence[Mapping[str, IntegerLinear | Linear]] | None,
    tokenizer: bytes,
    golden: GoldenTexts,
    answer: Callable[[bytes], Floats],
    scheme: Scheme = FAST,
) -> bytes:
    """Return the bytes of ``model.edgebert``, or of ``model.fp32.edgebert`` where nothing is quantized.

    Args:
        checkpoint: what the model is.
        weights: its weights.
        quantized: of each encoder layer its linear layers by kind, some maybe in float; None for FP32.
        tokenizer: the compiled tokenizer's file.
        golden: texts for the golden answers.
        answer: opens the bytes of a model file with the engine and returns its answers to them, float32 [texts, width],
            or [tokens of all texts, width] where each token has one.
        scheme: of a quantized model.
    """
    tokens, settings = unpack(tokenizer)
    tensors = {**dict(_weight_tensors(weights, quantized)), **tokens}
    metadata = {**settings, **_settings(checkpoint, weights, None if quantized is None else scheme)}
    draft = pack(tensors, metadata)
    return pack({**tensors, **_golden_tensors(golden, answer(draft))}, metadata)


def _settings(checkpoint: Checkpoint, weights: Weights, scheme: Scheme | None) -> dict[str, str]:
    shape, head = checkpoint.shape, checkpoint.head
    values: dict[str, object] = {
        "format": 1,
        "name": checkpoint.name,
        "task": checkpoint.task,
        "precision": "fp32" if scheme is None else "int8",
        "activation": "gelu",
        "layer_norm_epsilon": repr(weights.epsilon),
        **{key: value for key, value in dataclasses.asdict(shape).items() if key != "architecture"},
    }
    if scheme is not None:
        values |= {"activations": scheme.activation_bits, "attention": "int8" if scheme.integer_attention else "fp32"}
    if isinstance(head, EmbedHead):
        values |= {"pooling": head.pooling, "normalize": str(head.normalize).lower()}
    if isinstance(head, ClassifyHead):
        values["problem_type"] = head.problem_type
    if isinstance(head, (ClassifyHead, TagHead)):
        values["labels"] = json.dumps(head.labels, ensure_ascii=False)
    return {f"edgebert.{key}": str(value) for key, value in values.items()}


def _weight_tensors(
    weights: Weights, quantized: Sequence[Mapping[str, IntegerLinear | Linear]] | None
) -> Iterator[tuple[str, Array]]:
    word = weights.word.numpy()
    if quantized is None:
        yield "embeddings.word", word
    else:
        rows, scales = quantize_rows(word)
        yield from (("embeddings.word.rows", rows), ("embeddings.word.scales", scales[:, 0]))
    yield "embeddings.position", weights.position.numpy()
    yield "embeddings.type", weights.type.numpy()
    yield from _norm("embeddings.norm", weights.norm)
    for number, layer in enumerate(weights.layers):
        linears = layer.linears if quantized is None else quantized[number]
        for kind, linear in linears.items():
            name = f"layer.{number}.{kind}"
            yield from _linear(name, linear) if isinstance(linear, Linear) else _integer_linear(name, linear)
        yield from _norm(f"layer.{number}.attention_norm", layer.attention_norm)
        yield from _norm(f"layer.{number}.output_norm", layer.output_norm)
    for name, head in (("pooler", weights.pooler), ("classifier", weights.classifier)):
        if head is not None:
            yield from _linear(name, head)


def _norm(name: str, norm: Norm) -> Iterator[tuple[str, Array]]:
    yield f"{name}.weight", norm.weight.numpy()
    yield f"{name}.bias", norm.bias.numpy()


def _linear(name: str, linear: Linear) -> Iterator[tuple[str, Array]]:
    yield f"{name}.weight", _native.pack_fp32(_outputs_first(linear.weight))
    yield f"{name}.bias", _padded(linear.bias)


def _integer_linear(name: str, linear: IntegerLinear) -> Iterator[tuple[str, Array]]:
    yield f"{name}.weight", _native.pack_int8(_outputs_first(linear.weight))
    yield f"{name}.scale", _padded(linear.scale)
    yield f"{name}.column_sum", _padded(linear.column_sum)
    yield f"{name}.bias", _padded(linear.bias)
    if linear.smoothing is not None:
        yield f"{name}.smoothing", linear.smoothing.numpy()


def _outputs_first(weight: torch.Tensor) -> npt.NDArray[Any]:
    """Turn [in, out] into [out, in]."""
    return np.ascontiguousarray(weight.numpy().T)


def _padded(values: torch.Tensor) -> Array:
    """Fill a vector over outputs with zeros to whole panels."""
    return np.pad(values.numpy(), (0, -len(values) % _PANEL))


def _golden_tensors(golden: GoldenTexts, outputs: Floats) -> dict[str, Array]:
    ids = [sample.input_ids[0] for sample in golden.samples]
    pairs = [text for text in golden.texts if not isinstance(text, str)]
    firsts = [text if isinstance(text, str) else text[0] for text in golden.texts]
    return {
        "golden.input_ids": np.concatenate(ids),
        "golden.row_starts": _starts([len(row) for row in ids]),
        **_text_tensors("text", firsts),
        **(_text_tensors("pair", [second for _, second in pairs]) if pairs else {}),
        "golden.outputs": outputs,
    }


def _text_tensors(name: str, texts: Sequence[str]) -> dict[str, Array]:
    """Texts one after the other, and where each begins."""
    encoded = [text.encode("utf-8") for text in texts]
    return {
        f"golden.{name}s": np.frombuffer(b"".join(encoded), np.uint8),
        f"golden.{name}_starts": _starts([len(text) for text in encoded]),
    }


def _starts(lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
