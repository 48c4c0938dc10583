"""Round weights so that the errors of a row of the weight are made good by the rows that are rounded after it.

Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", arXiv 2210.17323,
algorithm 1, with the columns of greatest curvature first.
"""

import numpy as np
import torch

_BLOCK = 128  # input channels whose corrections are added to the rest at once; the result does not depend on it


def gptq(weight: torch.Tensor, hessian: torch.Tensor, scale: torch.Tensor, limit: int, damping: float) -> torch.Tensor:
    """Round a weight to whole multiples of its scales.

    Args:
        weight: float64 [in, out].
        hessian: sum over tokens of the products of the inputs, float64 [in, in]; may be singular.
        scale: of each output channel, float64 [out].
        limit: codes are from -limit to limit.
        damping: share of the mean of the diagonal that is added to the diagonal.

    Returns:
        codes, float64 [in, out], whole numbers.
    """
    order = torch.argsort(hessian.diagonal(), descending=True, stable=True)
    factor = _inverse_factor(hessian[order][:, order], damping).numpy()
    steps = scale.numpy()
    rest = weight[order].numpy()  # a copy, from which the corrections of earlier blocks are taken away
    codes = np.empty_like(rest)
    for start in range(0, len(rest), _BLOCK):
        end = min(start + _BLOCK, len(rest))
        errors = np.empty_like(rest[start:end])
        for row in range(start, end):
            corrected = rest[row] - factor[start:row, row] @ errors[: row - start]
            codes[row] = np.clip(np.rint(corrected / steps), -limit, limit)
            errors[row - start] = (corrected - codes[row] * steps) / factor[row, row]
        # PyTorch's product: it keeps to the threads that the caller set, which NumPy's does not
        torch.from_numpy(rest[end:]).sub_(torch.from_numpy(factor[start:end, end:]).T @ torch.from_numpy(errors))
    restored = torch.empty_like(weight)
    restored[order] = torch.from_numpy(codes)
    return restored


def _inverse_factor(hessian: torch.Tensor, damping: float) -> torch.Tensor:
    """Return the upper Cholesky factor of the inverse of a damped Hessian."""
    mean = hessian.diagonal().mean()
    damped = hessian + torch.eye(len(hessian), dtype=hessian.dtype) * torch.clamp(damping * mean, min=1e-12)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor: torch.Tensor = torch.linalg.cholesky(inverse, upper=True)
    return factor
