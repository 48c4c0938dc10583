"""Smoothing: move the difficulty of quantizing from activations with outlier channels to their weights.

Xiao et al., "SmoothQuant", arXiv 2211.10438, equation 4. In a BERT the output of LayerNorm feeds the residual as well,
so the factors cannot be folded into LayerNorm; they become an explicit multiplication before the quantizer.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_SMALLEST = 1e-5  # a channel that is never active, or never read, is left about as it is


def smoothing_factors(activation: Floats, weight: Floats, alpha: float) -> Floats:
    """Return the factors by which activations are divided and rows of the weight multiplied.

    Args:
        activation: largest absolute value of each input channel, float32 [channels].
        weight: float32 [channels, outputs].
        alpha: 0 leaves all difficulty with the activations, 1 moves all of it to the weights.

    Returns:
        float32 [channels], all above zero, with a geometric mean of 1.
    """
    largest = np.maximum(activation.astype(np.float64), _SMALLEST)
    rows = np.maximum(np.abs(weight).max(axis=1).astype(np.float64), _SMALLEST)
    logs = alpha * np.log(largest) - (1 - alpha) * np.log(rows)
    factors: Floats = np.exp(logs - logs.mean()).astype(np.float32)
    return factors
