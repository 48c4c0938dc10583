"""The training loop, the same for fine-tuning, distillation and pre-training.

What is random in a step depends on the seed, the step and the process alone, and the learning rate on the step alone.
So a run that goes on from a saved state gives the bits that it would have given unbroken.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from edgebert.errors import InputError
from edgebert.export.train.batches import Batch, Indices, bucketed, share
from edgebert.export.train.groups import freeze, frozen_depths, parameter_groups
from edgebert.export.train.settings import Training, rate_factor
from edgebert.export.train.state import load_best, load_state, save_best, save_state
from edgebert.export.train.watch import Watcher

Metrics = Mapping[str, float]

_LOOK = 20  # steps between two looks at the loss


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One pass over the training data."""

    number: int
    loss: float
    metrics: Metrics
    seconds: float


@dataclasses.dataclass(frozen=True)
class History:
    """What happened in a run: its epochs, and the one whose weights were kept."""

    epochs: tuple[Epoch, ...]
    best: int  # number of the epoch
    steps: int
    curve: tuple[tuple[int, float], ...]  # step, and the mean loss since the one before
    processes: int  # that shared each step


def make_accelerator(precision: str) -> Accelerator:
    """Return what places the model on devices and processes; ``precision`` as in `Training`."""
    if precision == "auto":
        # a launch can hold a machine that has a GPU to its CPU, so what accelerate chose decides
        on_gpu = _accelerator("no").device.type == "cuda"
        precision = "bf16" if on_gpu and torch.cuda.is_bf16_supported() else "fp32"
    return _accelerator("no" if precision == "fp32" else precision)


def _accelerator(mixed_precision: str) -> Accelerator:
    # accelerate keeps one state for the process, which would refuse another precision than that of an earlier run
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision=mixed_precision)


def noise_seed(seed: int, step: int, process: int) -> int:
    """Return what torch's generator starts a step from.

    It keeps 32 bits of its seed on a CPU, so the three numbers are mixed into these.
    """
    return int(np.random.SeedSequence((seed, step, process)).generate_state(1)[0])


class Loop:
    """Trains an objective: a module that turns a batch into a loss.

    Args:
        accelerator: from `make_accelerator`.
        objective: gives the loss of a batch; its weights are trained.
        layers: encoder layers of the model in it.
        lengths: tokens of each training example.
        collate: gives the batch of some of the examples.
        settings: how to train.
        metric: which of the metrics is to rise; None where nothing is evaluated.
        evaluate: gives the metrics of the dev set, the same ones in every process.
        folder: where states are kept.
        watcher: told how it goes.
        begin: called with the number of each epoch, from 1, before it.
        first_kept: epoch from which on the best is looked for.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        objective: torch.nn.Module,
        layers: int,
        lengths: Indices,
        collate: Callable[[Indices], Batch],
        settings: Training,
        metric: str | None,
        evaluate: Callable[[], Metrics],
        folder: Path,
        watcher: Watcher,
        begin: Callable[[int], None] = lambda epoch: None,
        first_kept: int = 1,
    ) -> None:
        self._accelerator = accelerator
        self._objective = objective.to(accelerator.device)
        self._layers = layers
        self._lengths = lengths
        self._collate = collate
        self._settings = settings
        self._metric = metric
        self._evaluate = evaluate
        self._folder = folder
        self._watcher = watcher
        self._begin = begin
        self._first_kept = first_kept
        self._frozen = frozen_depths(settings.freeze, layers)
        self._per_epoch = math.ceil(len(lengths) / settings.batch_size)
        self._steps = settings.epochs * self._per_epoch
        groups = parameter_groups(
            objective, layers, settings.learning_rate, settings.layer_decay, settings.weight_decay
        )
        fused = accelerator.device.type in ("cpu", "cuda")
        self._optimizer: Any = accelerator.prepare_optimizer(torch.optim.AdamW(groups, fused=fused))
        self._model: torch.nn.Module | None = None
        self._frozen_now: frozenset[int] = frozenset()
        self._step = 0
        self._epochs: list[Epoch] = []
        self._curve: list[tuple[int, float]] = []
        self._losses = torch.zeros((), dtype=torch.float64, device=accelerator.device)  # sum over the epoch so far
        self._looked: tuple[int, float] = (0, 0.0)  # steps of the epoch and sum of their losses at the last look
        self._best: tuple[float, int, int] | None = None  # metric, epoch, step
        self._seconds = 0.0

    def run(self, resume: bool) -> History:
        """Train to the end, keep the best weights in the objective, and return what happened.

        Raises:
            InputError: the loss is not finite, or the saved state cannot be read.
        """
        if resume:
            self._restore()
        while self._step < self._steps and not self._out_of_patience():
            self._run_epoch()
        if self._best is not None:
            self._objective.load_state_dict(load_best(self._folder, self._best[2]))
        self._accelerator.free_memory()
        best = self._best[1] if self._best is not None else len(self._epochs)
        return History(tuple(self._epochs), best, self._step, tuple(self._curve), self._accelerator.num_processes)

    def _run_epoch(self) -> None:
        epoch = self._step // self._per_epoch
        started = time.monotonic() - self._seconds
        self._begin(epoch + 1)
        model = self._wrapped(epoch + 1)
        model.train()
        batches = bucketed(self._lengths, self._settings.batch_size, self._settings.seed, epoch)
        texts = 0
        for batch in batches[self._step % self._per_epoch :]:
            loss = self._optimize(model, batch)
            self._losses += loss
            self._step += 1
            texts += len(batch)
            if self._step % _LOOK == 0 or self._step % self._per_epoch == 0:
                self._look(texts)
                texts = 0
            if self._step % self._settings.save_every == 0 and self._step % self._per_epoch:
                self._seconds = time.monotonic() - started
                self._save()
        self._end_epoch(epoch + 1, started)

    def _wrapped(self, epoch: int) -> torch.nn.Module:
        """Freeze what an epoch does not train and return the objective as all processes train it together."""
        thawed = self._settings.unfreeze is not None and epoch >= self._settings.unfreeze
        frozen = frozenset() if thawed else self._frozen
        if self._model is None or frozen != self._frozen_now:
            if self._model is not None:
                self._accelerator.unwrap_model(self._model, keep_fp32_wrapper=False)
            freeze(self._objective, self._layers, frozen)
            # what processes exchange is what was trained at the time of wrapping
            self._model = self._accelerator.prepare_model(self._objective)
            self._frozen_now = frozen
        return self._model

    def _optimize(self, model: torch.nn.Module, batch: Indices) -> torch.Tensor:
        """Take one step and return the mean loss of what this process saw."""
        settings, accelerator = self._settings, self._accelerator
        torch.manual_seed(noise_seed(settings.seed, self._step, accelerator.process_index))
        mine = share(batch, accelerator.process_index, accelerator.num_processes)
        parts = [mine[at :: settings.accumulate] for at in range(min(settings.accumulate, len(mine)))]
        total = torch.zeros((), device=accelerator.device)
        for at, part in enumerate(parts):
            inputs = {
                name: values.to(accelerator.device, non_blocking=True) for name, values in self._collate(part).items()
            }
            last = at == len(parts) - 1
            with contextlib.nullcontext() if last else accelerator.no_sync(model):
                loss = model(inputs) * (len(part) / len(mine))
                accelerator.backward(loss)
            total += loss.detach()
        accelerator.clip_grad_norm_(model.parameters(), settings.clip)
        for group in self._optimizer.param_groups:
            group["lr"] = group["base"] * rate_factor(self._step, self._steps, settings.warmup)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return total

    def _look(self, texts: int) -> None:
        """Tell the watcher the mean loss of the steps since the last look; a look waits for the device."""
        steps, losses = (self._step - 1) % self._per_epoch + 1, float(self._losses)
        loss = (losses - self._looked[1]) / (steps - self._looked[0])
        self._looked = (0, 0.0) if steps == self._per_epoch else (steps, losses)
        if not math.isfinite(loss):
            raise InputError(f"the loss is {loss} at step {self._step}: lower the learning rate")
        self._curve.append((self._step, loss))
        self._watcher.step(self._step, self._steps, loss, texts)

    def _end_epoch(self, number: int, started: float) -> None:
        self._objective.eval()
        metrics = self._evaluate()
        loss = float(self._losses) / self._per_epoch
        self._losses.zero_()
        self._seconds = time.monotonic() - started
        self._epochs.append(Epoch(number, loss, metrics, self._seconds))
        value = None if self._metric is None else metrics[self._metric]
        if value is not None and number >= self._first_kept and (self._best is None or value > self._best[0]):
            self._best = (value, number, self._step)
            if self._accelerator.is_main_process:
                save_best(self._folder, self._step, self._objective.state_dict())
        self._save()
        self._watcher.epoch(number, loss, metrics)

    def _out_of_patience(self) -> bool:
        patience = self._settings.patience
        return patience is not None and self._best is not None and len(self._epochs) - self._best[1] >= patience

    def _save(self) -> None:
        if self._accelerator.is_main_process:
            scaler = self._accelerator.scaler
            state = {
                "step": self._step,
                "seconds": self._seconds,
                "best": self._best,
                "epochs": [dataclasses.asdict(epoch) for epoch in self._epochs],
                "curve": self._curve,
                "losses": self._losses.cpu(),
                "looked": self._looked,
                "weights": self._objective.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "scaler": None if scaler is None else scaler.state_dict(),
            }
            save_state(self._folder, self._step, state, None if self._best is None else self._best[2])
        self._accelerator.wait_for_everyone()

    def _restore(self) -> None:
        state = load_state(self._folder)
        if state is None:
            return
        self._step, self._seconds, self._best = state["step"], state["seconds"], state["best"]
        self._epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        self._curve = state["curve"]
        self._losses.copy_(state["losses"])
        self._looked = state["looked"]
        self._objective.load_state_dict(state["weights"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._accelerator.scaler is not None and state["scaler"] is not None:
            self._accelerator.scaler.load_state_dict(state["scaler"])
