"""Measure what INT8 costs: run the bundle and its FP32 baseline through the runtime on the same texts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from edgebert.calibration import Sample
from edgebert.engines import Floats, Session
from edgebert.errors import CheckpointError
from edgebert.export.checkpoint import Checkpoint
from edgebert.golden import Golden

Numbers = dict[str, float | int | str]

# of the typical size of a value; FP32 kernels of PyTorch and ONNX Runtime differ by about 1e-5 of it, a wrong graph by 1
_EXPORT_TOLERANCE = 1e-2


def compare_vectors(found: Floats, baseline: Floats) -> Numbers:
    """Return the mean and lowest cosine between vectors [texts, dimension] of the same texts."""
    a, b = found.astype(np.float64), baseline.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1) / np.maximum(norms, np.finfo(np.float64).tiny)
    return {"cosine_mean": _rounded(cosines.mean()), "cosine_min": _rounded(cosines.min())}


def compare_scores(found: Floats, baseline: Floats, problem_type: str) -> Numbers:
    """Return how far scores [texts, labels] are apart, and for labels the share of texts that keep theirs."""
    differences = np.abs(found.astype(np.float64) - baseline)
    numbers: Numbers = {
        "score_difference_mean": _rounded(differences.mean()),
        "score_difference_max": _rounded(differences.max()),
    }
    if problem_type == "single_label_classification":
        numbers["agreement"] = _rounded((found.argmax(axis=1) == baseline.argmax(axis=1)).mean())
    elif problem_type == "multi_label_classification":
        numbers["agreement"] = _rounded(((found >= 0.5) == (baseline >= 0.5)).all(axis=1).mean())
    return numbers


def compare_with_pytorch(checkpoint: Checkpoint, session: Session, samples: Sequence[Sample]) -> float:
    """Check the FP32 graph against the checkpoint itself.

    Returns:
        The largest difference of an output, relative to the root mean square of all outputs.

    Raises:
        CheckpointError: they differ by more than rounding explains.
    """
    largest, squares = 0.0, []
    for sample in samples:
        feed = {key: torch.from_numpy(value.astype(np.int64)) for key, value in sample.feed().items()}
        with torch.inference_mode():
            expected: npt.NDArray[np.float32] = checkpoint.model(**feed)[0].numpy()
        found = session.run(sample.input_ids, np.ones_like(sample.input_ids), sample.token_type_ids)
        largest = max(largest, float(np.abs(found - expected).max()))
        squares.append(float(np.square(expected, dtype=np.float64).mean()))
    relative = largest / max(float(np.sqrt(np.mean(squares))), np.finfo(np.float32).tiny)
    if not relative <= _EXPORT_TOLERANCE:
        raise CheckpointError(
            f"the exported graph of {checkpoint.name} differs from PyTorch by {relative:.2g} of its outputs"
        )
    return relative


def golden_tolerance(golden: Golden, precision: str) -> float:
    """Return how far an output may be from its golden value on another CPU.

    Integer products are exact everywhere, but the last bit of a float differs between CPUs and can flip the rounding of an
    activation. The bound is a share of the typical size of an output, so it holds for unit vectors and for raw ones.
    """
    values = np.array([value for rows in golden.outputs.values() for row in rows for value in row])
    share = {"int8": 0.25, "fp32": 0.01}[precision]
    return _rounded(share * float(np.sqrt(np.square(values).mean())))


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
