"""Choose how strongly each kind of linear layer is smoothed, by what INT8 then does to the output of the model.

A measure on each layer by itself does not serve: in a BERT a few tokens have values hundreds of times those of the
others, rule any sum of squared errors, and hardly matter after the next LayerNorm.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from edgebert.calibration import Sample, smoothing_factors
from edgebert.calibration.observers import LEVELS, SMALLEST_AMAX
from edgebert.export.lower.forward import embed, encode
from edgebert.export.lower.weights import KINDS, Linear, Weights
from edgebert.export.threads import one_thread

Floats = npt.NDArray[np.float32]
Multiply = Callable[[torch.Tensor], torch.Tensor]  # [tokens, in] -> [tokens, out]

ALPHAS: tuple[float | None, ...] = (None, 0.5, 0.65, 0.8, 0.95)

_JUDGES = 32  # samples on which they are compared


def search_alphas(
    weights: Weights, maxima: Mapping[str, Floats], samples: Sequence[Sample], weight_limit: int
) -> dict[str, float | None]:
    """Return the alpha of each kind with which INT8 in this kind alone moves the last hidden states least.

    Args:
        weights: of the model.
        maxima: largest absolute value of each input channel, float32 [in], by layer: ``layer.N.KIND``.
        samples: texts; some of them, spread evenly, are judges.
        weight_limit: largest code of a weight.
    """
    judges = samples[:: max(1, len(samples) // _JUDGES)]
    with torch.inference_mode(), one_thread():
        expected = _last_hidden(weights, judges, {})

        def damage(kind: str, alpha: float | None) -> float:
            layers = [f"layer.{number}.{kind}" for number in range(len(weights.layers))]
            int8 = {
                name: _simulated(layer.linears[kind], maxima[name], alpha, weight_limit)
                for name, layer in zip(layers, weights.layers, strict=True)
            }
            return relative_error(expected, _last_hidden(weights, judges, int8))

        return {kind: min(ALPHAS, key=lambda alpha: damage(kind, alpha)) for kind in KINDS}


def smoothing_of(linear: Linear, maxima: Floats, alpha: float | None) -> Floats | None:
    """Return what the input of a linear layer is multiplied with, float32 [in]; None without smoothing."""
    if alpha is None:
        return None
    inverse: Floats = np.float32(1) / smoothing_factors(maxima, linear.weight.numpy(), alpha)
    return inverse


def relative_error(expected: Sequence[Floats], found: Sequence[Floats]) -> float:
    """Return the mean over texts of the distance from the expected output, as a share of its length."""
    shares = [np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in zip(expected, found, strict=True)]
    return float(np.mean(shares))


def _simulated(linear: Linear, maxima: Floats, alpha: float | None, weight_limit: int) -> Multiply:
    """Return a linear layer with INT8 weights and an input that is rounded to INT8 and not clipped."""
    smoothing = torch.ones(len(maxima)) if alpha is None else torch.from_numpy(smoothing_of(linear, maxima, alpha))
    step = max(float((torch.from_numpy(maxima) * smoothing).max()), SMALLEST_AMAX) / LEVELS
    smoothed = linear.weight / smoothing[:, None]
    scale = (smoothed.abs().amax(dim=0) / weight_limit).clamp(min=torch.finfo(torch.float32).tiny)
    weight = torch.round(smoothed / scale) * scale

    def multiply(values: torch.Tensor) -> torch.Tensor:
        codes = torch.clamp(torch.round(values * (smoothing / step)), -LEVELS, LEVELS)
        return codes * step @ weight + linear.bias

    return multiply


def _last_hidden(weights: Weights, samples: Sequence[Sample], int8: Mapping[str, Multiply]) -> list[Floats]:
    """Run the encoder with some layers, by name, computed in another way; [tokens, hidden] for each sample."""
    lengths = [sample.tokens for sample in samples]
    hidden = embed(weights, weights.word, samples)
    for number, layer in enumerate(weights.layers):

        def multiply(kind: str, values: torch.Tensor, number: int = number) -> torch.Tensor:
            linear = weights.layers[number].linears[kind]
            other = int8.get(f"layer.{number}.{kind}")
            return values @ linear.weight + linear.bias if other is None else other(values)

        hidden = encode(layer, weights, hidden, lengths, multiply)
    return [part.numpy() for part in torch.split(hidden, lengths)]
