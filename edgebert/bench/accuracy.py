"""How far the answers of one model are from those of the baseline, on the same texts."""

from collections.abc import Sequence

import numpy as np

from edgebert.bench.report import Accuracy
from edgebert.classifier import Classifier
from edgebert.encoder import Encoder
from edgebert.engines import Floats
from edgebert.manifest import ClassifyHead, Manifest

_TINY = 1e-30  # keeps the cosine of a zero vector at 0


def answers(model: Encoder | Classifier, texts: Sequence[str]) -> Floats:
    """Return the vectors or the scores of all labels: float32 [texts, width]; long texts are cut without a warning."""
    if isinstance(model, Encoder):
        return model.encode(list(texts), return_truncated=True)[0]
    return model.scores(list(texts), return_truncated=True)[0]


def compare(manifest: Manifest, own: Floats, baseline: Floats) -> Accuracy:
    """Compare answers with the baseline's, both float32 [texts, width]."""
    if isinstance(manifest.head, ClassifyHead):
        return _labels(manifest.head, own, baseline)
    return _vectors(own, baseline)


def _vectors(own: Floats, baseline: Floats) -> Accuracy:
    a, b = own.astype(np.float64), baseline.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1) / np.maximum(norms, _TINY)
    return Accuracy(cosine_lowest=float(cosines.min()), cosine_mean=float(cosines.mean()))


def _labels(head: ClassifyHead, own: Floats, baseline: Floats) -> Accuracy:
    """Compare scores [texts, labels]; texts agree where the best label, or the set of labels from 0.5, is the same."""
    difference = float(np.abs(own.astype(np.float64) - baseline).mean())
    if head.problem_type == "regression":
        return Accuracy(score_difference_mean=difference)
    if head.problem_type == "multi_label_classification" or len(head.labels) == 1:
        same = ((own >= 0.5) == (baseline >= 0.5)).all(axis=1)
    else:
        same = own.argmax(axis=1) == baseline.argmax(axis=1)
    return Accuracy(agreement_percent=100 * float(same.mean()), score_difference_mean=difference)
