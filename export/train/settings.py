"""How to train; what is the same for every task and for distillation."""

import dataclasses

from edgebert.errors import InputError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclasses.dataclass(frozen=True)
class Training:
    """Settings of the loop.

    Attributes:
        epochs: passes over the training data.
        batch_size: texts an optimizer step sees, over all processes together.
        accumulate: pieces that the batch of a process is worked through in, to save memory; the step stays the same.
        learning_rate: highest rate, at the head; it rises over ``warmup`` and then falls to zero in a line.
        layer_decay: factor on the rate from one layer to the one below it.
        weight_decay: of AdamW; biases, LayerNorms and embeddings have none.
        warmup: share of the steps in which the rate rises.
        clip: largest norm of the gradient.
        patience: stop after so many epochs without a better dev metric; None never stops.
        freeze: what is not trained: "embeddings", "3" or "0-3".
        unfreeze: epoch, from 1, from which on everything is trained; None never.
        precision: arithmetic of the forward pass; "auto" is bf16 on a GPU that has it and fp32 elsewhere.
        seed: decides all that is random.
        save_every: steps between two states that ``resume`` can go on from.
        max_tokens: where longer texts are cut, special tokens included; None is the smaller of 128 and the model's.
    """

    epochs: int = 3
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 5e-5
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0
    patience: int | None = None
    freeze: tuple[str, ...] = ()
    unfreeze: int | None = None
    precision: str = "auto"
    seed: int = 0
    save_every: int = 500
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "patience", "unfreeze", "save_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}: give a whole number from 1")
        if not 0 < self.learning_rate < 1:
            raise InputError(f"learning_rate is {self.learning_rate:g}: give a number between 0 and 1, such as 5e-5")
        if not 0 < self.layer_decay <= 1:
            raise InputError(f"layer_decay is {self.layer_decay:g}: give a number above 0 and at most 1")
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup is {self.warmup:g}: give a share of the steps from 0 to under 1")
        if self.weight_decay < 0 or self.clip <= 0:
            raise InputError("weight_decay and clip: give numbers that are not below zero")
        if self.precision not in PRECISIONS:
            raise InputError(f"precision is {self.precision!r}: choose one of {', '.join(PRECISIONS)}")
        if not 0 <= self.seed < 1 << 31:
            raise InputError(f"seed is {self.seed}: give a whole number from 0 to {(1 << 31) - 1}")
        if self.max_tokens is not None and self.max_tokens < 4:
            raise InputError(f"max_tokens is {self.max_tokens}: give at least 4")


def rate_factor(step: int, steps: int, warmup: float) -> float:
    """Return the share of the highest learning rate at a step: up over ``warmup`` of the steps, then down to 0."""
    rise = max(1.0, warmup * steps)
    return min((step + 1) / rise, (steps - step) / max(1.0, steps - rise))
