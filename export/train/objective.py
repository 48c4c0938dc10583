"""The loss of a student: its teacher's outputs, and the labels, each with a weight."""

from collections.abc import Mapping
from typing import Any

import torch

from edgebert.errors import InputError
from edgebert.export.train import losses
from edgebert.export.train.batches import Batch
from edgebert.export.train.outputs import PARTS, Outputs, Wanted, outputs_of
from edgebert.export.train.tasks.answer import Answer
from edgebert.export.train.tasks.classify import Classify
from edgebert.export.train.tasks.embed import Embed
from edgebert.export.train.tasks.tag import Tag
from edgebert.export.train.teacher import PREFIX

Labelled = Classify | Tag | Answer

INSIDE = ("hidden", "attention", "relations")  # losses for every task
OF_LOGITS = ("logits", "labels", *INSIDE)
OF_VECTORS = ("mse", "cosine", *INSIDE)
_SHUT = -1e9  # logit of padding


def default_weights(task: Labelled | Embed) -> dict[str, float]:
    """Return the weights of a task's losses."""
    if isinstance(task, Embed):
        return {"cosine": 1.0, "hidden": 1.0}
    return {"logits": 1.0, "labels": 0.5, "hidden": 1.0}


def check_weights(task: Labelled | Embed, weights: Mapping[str, float]) -> None:
    """Refuse losses that a task does not have.

    Raises:
        InputError: a name is unknown, a weight is negative, or all are 0.
    """
    known = OF_VECTORS if isinstance(task, Embed) else OF_LOGITS
    for name, weight in weights.items():
        if name not in known:
            raise InputError(f"there is no loss {name!r} for this task: choose of {', '.join(known)}")
        if not 0 <= weight < float("inf"):
            raise InputError(f"the loss {name!r} has the weight {weight:g}: give a number from 0")
    if not any(weights.values()):
        raise InputError("all losses have the weight 0: there is nothing to learn")


class DistillObjective(torch.nn.Module):
    """The weighted sum of the losses.

    Args:
        task: what teacher and student do.
        model: the student.
        weights: by the name of the loss; those of 0 are not computed.
        wanted: the student's outputs to compare, as many as the teacher's.
        temperature: of the soft labels.
        relation_heads: parts of the relations.
        teacher_width: width of the teacher's token vectors; another one than the student's is projected.
    """

    def __init__(
        self,
        task: Labelled | Embed,
        model: Any,  # noqa: ANN401  (a transformers model)
        weights: Mapping[str, float],
        wanted: Wanted,
        temperature: float,
        relation_heads: int,
        teacher_width: int,
    ) -> None:
        super().__init__()
        self.task = task
        self.model = model
        self._weights = {name: weight for name, weight in weights.items() if weight}
        self._wanted = wanted
        self._temperature = temperature
        self._relation_heads = relation_heads
        width = model.config.hidden_size
        apart = len(wanted.hidden) if width != teacher_width else 0
        self.projections = torch.nn.ModuleList(torch.nn.Linear(width, teacher_width, bias=False) for _ in range(apart))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the mean loss of a batch that holds the teacher's outputs."""
        outputs = outputs_of(self.model, batch, self._wanted)
        parts = [weight * self._loss(name, outputs, batch) for name, weight in self._weights.items()]
        return torch.stack(parts).sum()

    def _loss(self, name: str, outputs: Outputs, batch: Batch) -> torch.Tensor:
        mask = batch["attention_mask"]
        if name == "labels":
            assert not isinstance(self.task, Embed)  # check_weights
            return self.task.loss_of(outputs["logits"], batch)
        if name == "logits":
            return self._soft(outputs["logits"], batch)
        if name in ("mse", "cosine"):
            loss = losses.vectors_mse if name == "mse" else losses.vectors_cosine
            return loss(outputs["vectors"], batch[f"{PREFIX}vectors"])
        if name == "relations":
            pairs = [(outputs[part], batch[PREFIX + part]) for part in PARTS]
            return _mean([losses.relations(*pair, mask, self._relation_heads) for pair in pairs])
        if name == "attention":
            names = [f"attention.{at}" for at in range(len(self._wanted.attention))]
            return _mean([losses.attention(outputs[each], batch[PREFIX + each], mask) for each in names])
        return _mean([self._hidden(at, outputs, batch) for at in range(len(self._wanted.hidden))])

    def _hidden(self, at: int, outputs: Outputs, batch: Batch) -> torch.Tensor:
        student = outputs[f"hidden.{at}"]
        projected = self.projections[at](student) if len(self.projections) else student
        return losses.hidden_states(projected, batch[f"{PREFIX}hidden.{at}"], batch["attention_mask"])

    def _soft(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        if isinstance(self.task, Classify):
            loss = losses.soft_several if self.task.several else losses.soft_labels
            return loss(logits, batch[f"{PREFIX}logits"], self._temperature)
        teacher, mask = batch[f"{PREFIX}token_logits"], batch["attention_mask"].bool()
        if isinstance(self.task, Tag):
            return losses.soft_labels(logits[mask], teacher[mask], self._temperature)
        rows = [
            values.masked_fill(~mask[:, :, None], _SHUT).transpose(1, 2).flatten(0, 1) for values in (logits, teacher)
        ]
        return losses.soft_labels(rows[0], rows[1], self._temperature)


def _mean(values: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(values).mean()
