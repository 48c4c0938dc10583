"""From vectors of tokens, or of windows, to one vector.

Every text is worked on alone and in one order, so that its bits never depend on its batch.
"""

import numpy as np

from edgebert.engines import Floats

_LEAST_NORM = 1e-12  # the divisor of a zero vector, as in torch.nn.functional.normalize


def pool(vectors: Floats, how: str) -> Floats:
    """Reduce the vectors of one text to one.

    Args:
        vectors: float32 [rows, width], rows being tokens without padding or windows.
        how: "mean", "max" or "cls" (the first row).

    Returns:
        float32 [width]; a mean is the float32 sum in the order of the rows, divided by their number.
    """
    pooled: Floats
    rows = np.ascontiguousarray(vectors, np.float32)
    if how == "cls":
        pooled = rows[0].copy()
    elif how == "max":
        pooled = rows.max(axis=0)
    else:
        pooled = np.add.reduce(rows, axis=0, dtype=np.float32) / np.float32(len(rows))
    return pooled


def normalize(vector: Floats) -> Floats:
    """Scale one vector [width] to the Euclidean length 1; a zero vector stays zero."""
    wide = vector.astype(np.float64)  # squares of float32 values overflow float32
    norm = max(float(np.sqrt(np.add.reduce(wide * wide))), _LEAST_NORM)
    return (wide / norm).astype(np.float32)
