"""Compare candidates for a quantization on a few texts, spread evenly over those of the calibration."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgebert.calibration import Sample, evenly

Floats = npt.NDArray[np.float32]

_JUDGES = 32
_TINY = 1e-30
_LOST = 1e6


def judges_of(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples that candidates are compared on."""
    return evenly(samples, _JUDGES)


def relative_error(expected: Sequence[Floats], found: Sequence[Floats]) -> float:
    """Return the mean over texts of the distance from the expected output, as a share of its length.

    An output that is NaN or infinite counts as ``_LOST``, so that no candidate wins by it.
    """
    shares = [np.linalg.norm(a - b) / max(np.linalg.norm(a), _TINY) for a, b in zip(expected, found, strict=True)]
    return float(np.mean(np.nan_to_num(shares, nan=_LOST, posinf=_LOST)))
