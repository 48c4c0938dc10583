"""Logistic regression, the plainest classifier of vectors."""

import dataclasses

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

Floats = npt.NDArray[np.float32]

_STEPS = 500  # of L-BFGS at most; some fifty are enough
_TINY = 1e-6  # deviation of a feature that never varies


@dataclasses.dataclass(frozen=True)
class Linear:
    """Logits are ``features @ weight + bias``: float32 [features, labels] and [labels]."""

    weight: Floats
    bias: Floats


def fit_logistic(features: Floats, targets: npt.NDArray[np.generic], labels: int) -> Linear:
    """Return the classifier with the least sum of cross-entropies and half the squared length of its weights.

    Weights are measured on features of mean 0 and deviation 1, so that their scale does not matter. The problem is
    convex: the answer depends on the data alone.

    Args:
        features: float32 [texts, features].
        targets: number of the label, int64 [texts], or 0 or 1 for each label, float32 [texts, labels].
        labels: how many there are.
    """
    wide = features.astype(np.float64)
    mean, deviation = wide.mean(axis=0), np.maximum(wide.std(axis=0), _TINY)
    inputs, expected = torch.from_numpy((wide - mean) / deviation), torch.from_numpy(targets)
    several = expected.ndim == 2
    weight = torch.zeros(inputs.shape[1], labels, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(labels, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_STEPS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = inputs @ weight + bias
        if several:
            entropy = functional.binary_cross_entropy_with_logits(logits, expected.double(), reduction="sum")
        else:
            entropy = functional.cross_entropy(logits, expected, reduction="sum")
        total = (entropy + weight.square().sum() / 2) / len(inputs)
        torch.autograd.backward(total)
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    found = weight.detach().numpy() / deviation[:, None]
    shifted = bias.detach().numpy() - mean @ found
    return Linear(found.astype(np.float32), shifted.astype(np.float32))
