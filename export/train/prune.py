"""Prune feed-forward neurons and attention heads that the loss needs least.

Importance is |sum of weight times gradient|, the first-order change of the loss when a group of weights goes to zero
(Molchanov et al., "Importance estimation for neural network pruning", arXiv 1906.10771), added up over batches.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch

from edgebert.errors import InputError
from edgebert.export.train.batches import Batch

Scores = list[torch.Tensor]  # by layer, float32 [neurons] or [heads]


def importance(
    model: Any,  # noqa: ANN401  (a transformers model)
    loss: Callable[[Batch], torch.Tensor],
    batches: Iterable[Batch],
) -> tuple[Scores, Scores]:
    """Return the importance of every neuron and of every head of each layer; the model's gradients are cleared."""
    layers = getattr(model, "bert", model).encoder.layer
    heads = model.config.num_attention_heads
    neurons = [torch.zeros(layer.output.dense.in_features) for layer in layers]
    whole = [torch.zeros(heads) for _ in layers]
    for batch in batches:
        model.zero_grad(set_to_none=True)
        torch.autograd.backward(loss(batch))
        for at, layer in enumerate(layers):
            neurons[at] += _contribution(layer.output.dense.weight).sum(dim=0).abs().cpu()
            columns = _contribution(layer.attention.output.dense.weight).sum(dim=0)
            whole[at] += columns.view(heads, -1).sum(dim=1).abs().cpu()
    model.zero_grad(set_to_none=True)
    return neurons, whole


def _contribution(weight: torch.nn.Parameter) -> torch.Tensor:
    assert weight.grad is not None  # the loss reaches every encoder layer
    return (weight.detach() * weight.grad).float()


def check_pruning(config: Any, width: int | None, heads: int | None) -> None:  # noqa: ANN401
    """Refuse to keep what a model does not have.

    Args:
        config: of the model.
        width: neurons that each feed-forward block is to keep; None for all.
        heads: heads that each layer is to keep; None for all.

    Raises:
        InputError: there are not so many.
    """
    if width is not None and not 1 <= width <= config.intermediate_size:
        raise InputError(f"a feed-forward width of {width}: give 1 to {config.intermediate_size}")
    if heads is not None and not 1 <= heads <= config.num_attention_heads:
        raise InputError(f"{heads} heads: give 1 to {config.num_attention_heads}")


def prune_ffn(model: Any, scores: Scores, width: int) -> None:  # noqa: ANN401
    """Keep the ``width`` most important neurons of each layer, in their order.

    Raises:
        InputError: there are not so many.
    """
    check_pruning(model.config, width, None)
    for layer, score in zip(getattr(model, "bert", model).encoder.layer, scores, strict=True):
        kept = score.topk(width).indices.sort().values
        layer.intermediate.dense = _cut(layer.intermediate.dense, kept, rows=True)
        layer.output.dense = _cut(layer.output.dense, kept, rows=False)
    model.config.intermediate_size = width


def prune_heads(model: Any, scores: Scores, heads: int) -> None:  # noqa: ANN401
    """Keep the ``heads`` most important heads of each layer; `pruned_heads` of the configuration names the others.

    Raises:
        InputError: there are not so many.
    """
    check_pruning(model.config, None, heads)
    total = model.config.num_attention_heads
    model.prune_heads({at: score.argsort()[: total - heads].tolist() for at, score in enumerate(scores)})


def _cut(linear: torch.nn.Linear, kept: torch.Tensor, rows: bool) -> torch.nn.Linear:
    """Return a linear layer with some of its outputs, or of its inputs."""
    weight = linear.weight.detach().index_select(0 if rows else 1, kept.to(linear.weight.device)).clone()
    made = torch.nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    made.weight = torch.nn.Parameter(weight)
    bias = linear.bias.detach()
    made.bias = torch.nn.Parameter((bias[kept.to(bias.device)] if rows else bias).clone())
    return made
