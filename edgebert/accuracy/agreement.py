"""Hold a model to its FP32 baseline where nobody says what is right."""

import hashlib
from collections.abc import Sequence
from typing import cast

import numpy as np

from edgebert.accuracy.distance import cosines, same_answers, same_labels, same_tags
from edgebert.accuracy.evaluation import Evaluation
from edgebert.accuracy.metrics import AGREEMENT, COSINE, SPEARMAN, Marks
from edgebert.engines import Floats
from edgebert.golden import Text, model_outputs
from edgebert.manifest import AnswerHead, ClassifyHead, EmbedHead, Head, TagHead
from edgebert.models import Model


def agreement(source: str, texts: Sequence[Text], baseline: Model) -> Evaluation:
    """Return what a model is held to: the labels, answers or vectors of its baseline, or the order of its values.

    Args:
        source: where the texts are from, for reports.
        texts: what both answer.
        baseline: the FP32 model.
    """
    expected = model_outputs(baseline, tuple(texts))
    digest = hashlib.sha256("\n".join(map(repr, texts)).encode("utf-8", "surrogatepass")).hexdigest()
    head = baseline.manifest.head

    def mark(model: Model) -> Marks:
        return _marks(head, model_outputs(model, tuple(texts)), expected)

    if isinstance(head, EmbedHead):
        metric = COSINE
    else:
        regression = isinstance(head, ClassifyHead) and head.problem_type == "regression"
        metric = SPEARMAN if regression else AGREEMENT
    return Evaluation(source, digest, (metric,), mark)


def _marks(head: Head, found: Sequence[Floats], expected: Sequence[Floats]) -> Marks:
    """Mark texts, or tokens where each of them has a label."""
    if isinstance(head, TagHead):
        same = same_tags(np.concatenate(found), np.concatenate(expected))
    elif isinstance(head, AnswerHead):
        same = same_answers(found, expected)
    elif isinstance(head, EmbedHead):
        return cosines(np.stack(found), np.stack(expected))[:, None]
    elif head.problem_type == "regression":
        return np.concatenate([np.stack(expected), np.stack(found)], axis=1).astype(np.float64)
    else:
        same = same_labels(head, np.stack(found), np.stack(expected))
    return cast("Marks", same[:, None].astype(np.float64))
