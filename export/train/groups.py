"""Which weights are trained, and how fast: by the layer that a weight belongs to."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from edgebert.errors import InputError

_LAYER = re.compile(r"(?:^|\.)encoder\.layer\.(\d+)\.")
_EMBEDDINGS = re.compile(r"(?:^|\.)embeddings\.")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def depth_of(name: str, layers: int) -> int:
    """Return where a weight stands: 0 for embeddings, N + 1 for encoder layer N, ``layers`` + 1 for what follows."""
    layer = _LAYER.search(name)
    if layer is not None:
        return int(layer[1]) + 1
    return 0 if _EMBEDDINGS.search(name) else layers + 1


def frozen_depths(names: Sequence[str], layers: int) -> frozenset[int]:
    """Turn names as of ``--freeze`` ("embeddings", "3", "0-3") into depths.

    Raises:
        InputError: a name is none of these, or there is no such layer.
    """
    depths: set[int] = set()
    for name in names:
        found = _RANGE.fullmatch(name)
        if name == "embeddings":
            depths.add(0)
        elif found is None:
            raise InputError(f"{name!r} cannot be frozen: name embeddings, a layer as 3 or layers as 0-3")
        else:
            first, last = int(found[1]), int(found[2] or found[1])
            if not first <= last < layers:
                raise InputError(f"{name!r} cannot be frozen: the model has the layers 0 to {layers - 1}")
            depths.update(range(first + 1, last + 2))
    return frozenset(depths)


def freeze(model: torch.nn.Module, layers: int, depths: frozenset[int]) -> None:
    """Train all weights but those of some depths."""
    for name, weight in model.named_parameters():
        weight.requires_grad_(depth_of(name, layers) not in depths)


def parameter_groups(
    model: torch.nn.Module, layers: int, rate: float, layer_decay: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Return the groups of an optimizer: the rate falls by ``layer_decay`` a layer from the head to the embeddings.

    Biases and LayerNorms do not decay, nor do embedding tables: a row that no text uses must stay as it is. "base" is
    the rate before the schedule.
    """
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        depth = depth_of(name, layers)
        groups.setdefault((depth, weight.ndim > 1 and depth > 0), []).append(weight)
    return list(_groups(groups, layers, rate, layer_decay, weight_decay))


def _groups(
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]],
    layers: int,
    rate: float,
    layer_decay: float,
    weight_decay: float,
) -> Iterator[dict[str, Any]]:
    for (depth, decays), weights in sorted(groups.items(), key=lambda item: item[0]):
        base = rate * layer_decay ** (layers + 1 - depth)
        yield {"params": weights, "lr": base, "base": base, "weight_decay": weight_decay if decays else 0.0}
