"""How far answers are from those of the FP32 baseline on the same texts."""

import numpy as np

from edgebert.engines import Floats

Numbers = dict[str, float | int | str]


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


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
