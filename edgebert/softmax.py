"""Softmax with the same bits on every CPU."""

import numpy as np

from edgebert.engines import Floats


def softmax(logits: Floats) -> Floats:
    """Return the softmax over the last axis, float32 [..., width].

    NumPy's exp differs between CPUs in the last bit of float64, which float32 does not keep.
    """
    wide = logits.astype(np.float64)
    exponentials = np.exp(wide - wide.max(axis=-1, keepdims=True))
    shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return shares.astype(np.float32)
