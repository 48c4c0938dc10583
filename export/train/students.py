"""Make a student out of a teacher: some of its layers, or another shape that starts from its word vectors."""

import copy
import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import torch

from edgebert.errors import InputError

_LAYER = re.compile(r"(.*encoder\.layer\.)(\d+)(\..*)")


@dataclasses.dataclass(frozen=True)
class Shape:
    """The shape of a student; None is as the teacher has it.

    Attributes:
        layers: how many layers.
        keep: which layers of the teacher it starts from, from 0; None spreads them evenly, first and last included.
        hidden: width of token vectors; another one than the teacher's starts from random layers.
        heads: attention heads, with another ``hidden``.
        ffn: width between the two linear layers of a feed-forward block, with another ``hidden``.
    """

    layers: int
    keep: tuple[int, ...] | None = None
    hidden: int | None = None
    heads: int | None = None
    ffn: int | None = None

    def __post_init__(self) -> None:
        for name in ("layers", "hidden", "heads", "ffn"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}: give a whole number from 1")


def spread(layers: int, of: int) -> tuple[int, ...]:
    """Return which of ``of`` layers to keep: evenly spaced, the first and the last among them.

    Raises:
        InputError: there are not so many.
    """
    if not 1 <= layers <= of:
        raise InputError(f"a student of {layers} layers cannot be cut from a teacher of {of}: give 1 to {of}")
    if layers == 1:
        return (of - 1,)
    return tuple(math.floor(at * (of - 1) / (layers - 1)) for at in range(layers))


def matched(layers: int, of: int) -> tuple[int, ...]:
    """Return the layers of a teacher whose outputs the layers of a student learn: the last learns the last."""
    return tuple(math.ceil((at + 1) * of / layers) - 1 for at in range(layers))


def make_student(teacher: Any, shape: Shape) -> Any:  # noqa: ANN401  (a transformers model)
    """Return a new model of the teacher's class; new weights are drawn from torch's generator.

    Raises:
        InputError: the shape cannot be made.
    """
    config, keep = student_config(teacher.config, shape)
    student = type(teacher)(config, **_settings(teacher))
    weights = teacher.state_dict()
    weights = _projected(weights, config.hidden_size) if keep is None else _renumbered(weights, keep)
    fitting = student.state_dict()
    usable = {name: value for name, value in weights.items() if name in fitting and fitting[name].shape == value.shape}
    student.load_state_dict(usable, strict=False)
    return student


def student_config(teacher: Any, shape: Shape) -> tuple[Any, tuple[int, ...] | None]:  # noqa: ANN401
    """Return the configuration of a student, and the layers of its teacher that it starts from; None for new ones.

    Args:
        teacher: configuration of the teacher.
        shape: of the student.

    Raises:
        InputError: the shape cannot be made.
    """
    config = copy.deepcopy(teacher)
    same_width = shape.hidden in (None, config.hidden_size)
    if same_width and shape.heads not in (None, config.num_attention_heads):
        raise InputError("another number of heads needs another width, or prune_heads in its place")
    if same_width and shape.ffn not in (None, config.intermediate_size):
        raise InputError("another feed-forward width needs another width, or prune_ffn in its place")
    config.num_hidden_layers = shape.layers
    config.hidden_size = shape.hidden or config.hidden_size
    config.num_attention_heads = shape.heads or config.num_attention_heads
    config.intermediate_size = shape.ffn or (config.intermediate_size if same_width else 4 * config.hidden_size)
    if config.hidden_size % config.num_attention_heads:
        raise InputError(
            f"a width of {config.hidden_size} cannot be cut into {config.num_attention_heads} heads: "
            "give another number of heads"
        )
    if not same_width:
        return config, None
    keep = spread(shape.layers, teacher.num_hidden_layers) if shape.keep is None else shape.keep
    _check_kept(keep, shape.layers, teacher.num_hidden_layers)
    return config, keep


def _settings(teacher: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return how the class was made beside its configuration: an encoder for vectors has no pooler."""
    return {"add_pooling_layer": teacher.pooler is not None} if hasattr(teacher, "pooler") else {}


def _check_kept(keep: Sequence[int], layers: int, of: int) -> None:
    if len(keep) != layers or not all(0 <= at < of for at in keep):
        raise InputError(f"layers to keep are {', '.join(map(str, keep))}: name {layers} of 0 to {of - 1}")


def _renumbered(weights: dict[str, torch.Tensor], keep: Sequence[int]) -> dict[str, torch.Tensor]:
    """Return the weights with only some encoder layers, numbered from 0."""
    renamed: dict[str, torch.Tensor] = {}
    for name, value in weights.items():
        found = _LAYER.fullmatch(name)
        if found is None:
            renamed[name] = value
            continue
        for new, old in enumerate(keep):
            if int(found[2]) == old:
                renamed[f"{found[1]}{new}{found[3]}"] = value
    return renamed


def _projected(weights: dict[str, torch.Tensor], hidden: int) -> dict[str, torch.Tensor]:
    """Return the embedding tables in another width, projected on the main directions of the word vectors.

    A wider student keeps the teacher's directions and starts with zeros in the others.
    """
    tables = {name: value for name, value in weights.items() if name.endswith("_embeddings.weight")}
    words = next(value for name, value in tables.items() if name.endswith("word_embeddings.weight"))
    covariance = (words.T @ words).double()
    directions = torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, :hidden].to(words.dtype)  # largest first
    missing = max(0, hidden - words.shape[1])
    return {name: torch.nn.functional.pad(value @ directions, (0, missing)) for name, value in tables.items()}
