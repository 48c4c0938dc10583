"""The encoder on a flat list of tokens, in PyTorch: for calibration and as a check on the engine, never for answers.

Whoever calls decides what a linear layer is: a float product, the engine's integer product, or one that looks at its
input first. So there is one forward pass and not three.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as functional

from edgebert.calibration import Sample
from edgebert.export.lower.weights import Layer, Norm, Weights

Attend = Callable[[torch.Tensor, Sequence[int], int], torch.Tensor]  # as `attend`
Multiply = Callable[[str, torch.Tensor], torch.Tensor]  # (kind of the linear layer, [tokens, in]) -> [tokens, out]


def embed(weights: Weights, word: torch.Tensor, samples: Sequence[Sample]) -> torch.Tensor:
    """Return the embeddings of all tokens of all samples, [tokens, hidden]; ``word`` is the table to read."""
    ids = torch.cat([torch.from_numpy(sample.input_ids[0]) for sample in samples]).long()
    types = torch.cat([torch.from_numpy(sample.token_type_ids[0]) for sample in samples]).long()
    places = torch.cat([torch.arange(sample.input_ids.shape[1]) for sample in samples])
    return normalize(weights.norm, word[ids] + weights.position[places] + weights.type[types], weights.epsilon)


def encode(
    layer: Layer,
    weights: Weights,
    hidden: torch.Tensor,
    lengths: Sequence[int],
    multiply: Multiply,
    attention: Attend | None = None,
) -> torch.Tensor:
    """Run one encoder layer on [tokens, hidden]; ``lengths`` are the tokens of each text."""
    context = (attention or attend)(multiply("qkv", hidden), lengths, weights.heads)
    hidden = normalize(layer.attention_norm, multiply("attention_output", context) + hidden, weights.epsilon)
    inner = functional.gelu(multiply("intermediate", hidden))
    return normalize(layer.output_norm, multiply("output", inner) + hidden, weights.epsilon)


def attend(qkv: torch.Tensor, lengths: Sequence[int], heads: int) -> torch.Tensor:
    """Attention of each text over itself: [tokens, 3 hidden], Q scaled already, to [tokens, hidden]."""
    contexts = []
    for text in torch.split(qkv, list(lengths)):
        query, key, value = text.view(len(text), 3, heads, -1).permute(1, 2, 0, 3)  # each [heads, tokens, head size]
        mixed = torch.softmax(query @ key.transpose(1, 2), dim=-1) @ value
        contexts.append(mixed.transpose(0, 1).reshape(len(text), -1))
    return torch.cat(contexts)


def normalize(norm: Norm, values: torch.Tensor, epsilon: float) -> torch.Tensor:
    """LayerNorm over the last axis."""
    return functional.layer_norm(values, norm.weight.shape, norm.weight, norm.bias, epsilon)
