"""The integer attention of the native engine: what its kernels compute, in PyTorch.

Queries are codes of 8 bits, keys and values of 7, each with a scale for every head of a token. A value's scale is
multiplied onto its probabilities, which then become codes 0..255 with a scale a row.
"""

from collections.abc import Sequence

import torch

from edgebert.export.lower.integer import ACTIVATION_MAX, WEIGHT_MAX

_QUERY_MAX = 127
_LEAST = 1e-30  # below it the inverse of a scale could be infinite


def attend_integer(qkv: torch.Tensor, lengths: Sequence[int], heads: int) -> torch.Tensor:
    """Attention of each text over itself: [tokens, 3 hidden], Q scaled already, to [tokens, hidden]."""
    contexts = []
    for text in torch.split(qkv, list(lengths)):
        query, key, value = text.view(len(text), 3, heads, -1).permute(1, 2, 0, 3)  # each [heads, tokens, head size]
        scores = _restored(query, _QUERY_MAX) @ _restored(key, WEIGHT_MAX).transpose(1, 2)
        exponentials = torch.exp(scores - scores.amax(dim=2, keepdim=True))
        codes, scale = _head_codes(value, WEIGHT_MAX)
        weighted = exponentials * scale.transpose(1, 2)
        most = weighted.amax(dim=2, keepdim=True)
        inverse = torch.where(most >= _LEAST, ACTIVATION_MAX / most, 0)
        mixed = (torch.round(weighted * inverse) @ codes) * (
            most / (exponentials.sum(dim=2, keepdim=True) * ACTIVATION_MAX)
        )
        contexts.append(mixed.transpose(0, 1).reshape(len(text), -1))
    return torch.cat(contexts)


def _restored(values: torch.Tensor, limit: int) -> torch.Tensor:
    codes, scale = _head_codes(values, limit)
    return codes * scale


def _head_codes(values: torch.Tensor, limit: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Quantize the last axis symmetrically to -limit..limit: whole numbers, and scales [..., 1]."""
    largest = values.abs().amax(dim=-1, keepdim=True)
    used = largest >= _LEAST
    return torch.round(values * torch.where(used, limit / largest, 0)), torch.where(used, largest / limit, 0)
