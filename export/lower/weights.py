"""The weights of a BERT in the form in which the native engine multiplies: Q, K and V merged, Q scaled."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch

from edgebert.export.checkpoint import Checkpoint

KINDS = ("qkv", "attention_output", "intermediate", "output")  # in the order in which a layer runs them


@dataclasses.dataclass(frozen=True)
class Linear:
    """A linear layer: float32 weight [in, out] and bias [out]."""

    weight: torch.Tensor
    bias: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Norm:
    """A LayerNorm: float32 weight and bias [hidden]."""

    weight: torch.Tensor
    bias: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Layer:
    """An encoder layer: its linear layers by kind, and the norms after attention and at its end."""

    linears: Mapping[str, Linear]
    attention_norm: Norm
    output_norm: Norm


@dataclasses.dataclass(frozen=True)
class Weights:
    """All weights of an encoder with its head; the tables are float32 [rows, hidden]."""

    word: torch.Tensor
    position: torch.Tensor
    type: torch.Tensor
    norm: Norm
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float  # of every LayerNorm
    pooler: Linear | None  # of a classifier
    classifier: Linear | None  # of a classifier, or of a head for every token


def unsupported(checkpoint: Checkpoint) -> str | None:
    """Say why the native engine cannot run a checkpoint, or None where it can."""
    config = checkpoint.model.config
    if config.hidden_act != "gelu":
        return f"its activation is {config.hidden_act!r}, the native engine has 'gelu'"
    if config.type_vocab_size != 2:
        return f"it has {config.type_vocab_size} token types, the native engine has 2"
    if getattr(config, "pruned_heads", None):
        return "its layers have fewer attention heads than it is wide, the native engine has all of them"
    return None


def read_weights(checkpoint: Checkpoint) -> Weights:
    """Take the weights out of a checkpoint; nothing is shared with it that is changed here."""
    state = {key.removeprefix("bert."): value for key, value in checkpoint.model.state_dict().items()}
    return Weights(
        word=state["embeddings.word_embeddings.weight"],
        position=state["embeddings.position_embeddings.weight"][: checkpoint.shape.max_tokens],
        type=state["embeddings.token_type_embeddings.weight"],
        norm=_norm(state, "embeddings.LayerNorm"),
        layers=tuple(_layer(state, number, checkpoint) for number in range(checkpoint.shape.layers)),
        heads=checkpoint.shape.heads,
        epsilon=float(checkpoint.model.config.layer_norm_eps),
        pooler=_linear(state, "pooler.dense") if checkpoint.task == "classify" else None,
        classifier=_linear(state, "classifier") if checkpoint.task != "embed" else None,
    )


def _layer(state: Mapping[str, Any], number: int, checkpoint: Checkpoint) -> Layer:
    name = f"encoder.layer.{number}"
    query, key, value = (_linear(state, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
    share = 1 / math.sqrt(checkpoint.shape.hidden // checkpoint.shape.heads)  # of softmax(Q K' / sqrt(head size))
    merged = Linear(
        torch.cat([query.weight * share, key.weight, value.weight], dim=1),
        torch.cat([query.bias * share, key.bias, value.bias]),
    )
    linears = {
        "qkv": merged,
        "attention_output": _linear(state, f"{name}.attention.output.dense"),
        "intermediate": _linear(state, f"{name}.intermediate.dense"),
        "output": _linear(state, f"{name}.output.dense"),
    }
    return Layer(linears, _norm(state, f"{name}.attention.output.LayerNorm"), _norm(state, f"{name}.output.LayerNorm"))


def _linear(state: Mapping[str, Any], name: str) -> Linear:
    return Linear(state[f"{name}.weight"].T.contiguous(), state[f"{name}.bias"])


def _norm(state: Mapping[str, Any], name: str) -> Norm:
    return Norm(state[f"{name}.weight"], state[f"{name}.bias"])
