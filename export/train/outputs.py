"""What a model says inside, for losses that compare student and teacher."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn import functional

from edgebert.export.train.batches import Batch
from edgebert.export.train.tasks.embed import pooled
from edgebert.export.train.tasks.models import inputs_of
from edgebert.manifest import EmbedHead

Outputs = dict[str, torch.Tensor]

PARTS = ("query", "key", "value")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which outputs of a model are asked for.

    Attributes:
        head: pooling where text vectors are wanted; None where the head's logits are.
        hidden: layers, from 0, whose token vectors are wanted.
        attention: layers whose attention probabilities are wanted.
        relations: layer whose queries, keys and values are wanted.
    """

    head: EmbedHead | None
    hidden: tuple[int, ...] = ()
    attention: tuple[int, ...] = ()
    relations: int | None = None


def outputs_of(model: Any, batch: Batch, wanted: Wanted) -> Outputs:  # noqa: ANN401
    """Run a model and return what is wanted, by name.

    "logits" [texts, labels] or [texts, tokens, labels], or "vectors" [texts, hidden]; "hidden.0", "hidden.1", ... in
    the order of ``wanted.hidden``, [texts, tokens, hidden]; "attention.0", ... [texts, heads, tokens, tokens], which
    needs a model with eager attention; "query", "key" and "value" [texts, tokens, hidden].
    """
    inputs = inputs_of(batch)
    encoder = getattr(model, "bert", model)
    with _captured(encoder, wanted.relations) as relations:
        output = model(**inputs, output_hidden_states=True, output_attentions=bool(wanted.attention))
    found: Outputs = dict(relations)
    if wanted.head is not None:
        vectors = pooled(output.hidden_states[-1], inputs["attention_mask"], wanted.head)
        found["vectors"] = functional.normalize(vectors, dim=1) if wanted.head.normalize else vectors
    elif "start_logits" in output:
        found["logits"] = torch.stack([output.start_logits, output.end_logits], dim=-1)
    else:
        found["logits"] = output.logits
    # hidden_states begins with the embeddings
    found.update((f"hidden.{at}", output.hidden_states[layer + 1]) for at, layer in enumerate(wanted.hidden))
    found.update((f"attention.{at}", output.attentions[layer]) for at, layer in enumerate(wanted.attention))
    return found


@contextmanager
def _captured(encoder: Any, layer: int | None) -> Iterator[Outputs]:  # noqa: ANN401
    """Keep what the query, key and value layers of an encoder layer give."""
    found: Outputs = {}
    with ExitStack() as stack:
        if layer is not None:
            for part in PARTS:
                linear = getattr(encoder.encoder.layer[layer].attention.self, part)
                stack.enter_context(_kept(linear, found, part))
        yield found


@contextmanager
def _kept(linear: torch.nn.Module, found: Outputs, name: str) -> Iterator[None]:
    def keep(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> None:
        found[name] = output

    handle = linear.register_forward_hook(keep)
    try:
        yield
    finally:
        handle.remove()


def averaged(outputs: Sequence[Outputs]) -> Outputs:
    """Return the outputs of the first teacher, with logits or text vectors averaged over all of them."""
    merged = dict(outputs[0])
    for name in ("logits", "vectors"):
        if name in merged and len(outputs) > 1:
            merged[name] = torch.stack([each[name] for each in outputs]).mean(dim=0)
    return merged
