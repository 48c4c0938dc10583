"""Hold a model to its FP32 baseline where nobody says what is right."""

import hashlib
from collections.abc import Sequence
from typing import cast

import numpy as np

from edgebert.accuracy.distance import cosines, same_labels
from edgebert.accuracy.evaluation import Evaluation, Model
from edgebert.accuracy.metrics import AGREEMENT, COSINE, SPEARMAN, Marks
from edgebert.golden import Text, model_outputs
from edgebert.manifest import ClassifyHead


def agreement(source: str, texts: Sequence[Text], baseline: Model) -> Evaluation:
    """Return what a model is held to: the labels or vectors of its baseline, or the order of its values.

    Args:
        source: where the texts are from, for reports.
        texts: what both answer.
        baseline: the FP32 model.
    """
    expected = model_outputs(baseline, tuple(texts))
    digest = hashlib.sha256("\n".join(map(repr, texts)).encode("utf-8", "surrogatepass")).hexdigest()
    head = baseline.manifest.head

    def mark(model: Model) -> Marks:
        found = model_outputs(model, tuple(texts))
        if not isinstance(head, ClassifyHead):
            return cosines(found, expected)[:, None]
        if head.problem_type == "regression":
            return np.column_stack([expected[:, 0], found[:, 0]]).astype(np.float64)
        return cast("Marks", same_labels(head, found, expected)[:, None].astype(np.float64))

    if not isinstance(head, ClassifyHead):
        metric = COSINE
    else:
        metric = SPEARMAN if head.problem_type == "regression" else AGREEMENT
    return Evaluation(source, digest, (metric,), mark)
