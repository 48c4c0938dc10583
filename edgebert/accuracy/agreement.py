"""Hold a model to its FP32 baseline where nobody says what is right."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from edgebert.accuracy.distance import cosines, same_answers, same_labels
from edgebert.accuracy.entities import entity_marks
from edgebert.accuracy.evaluation import Evaluation
from edgebert.accuracy.metrics import AGREEMENT, COSINE, ENTITY_F1, SPEARMAN, Marks, Metric
from edgebert.engines import Floats
from edgebert.golden import Text, model_outputs
from edgebert.manifest import AnswerHead, EmbedHead, Head, TagHead
from edgebert.models import Model

_Outputs = Sequence[Floats]


def agreement(source: str, texts: Sequence[Text], baseline: Model) -> Evaluation:
    """Return what a model is held to: the labels, entities, answers or vectors of its baseline, or its values' order.

    Args:
        source: where the texts are from, for reports.
        texts: what both answer.
        baseline: the FP32 model.
    """
    expected = model_outputs(baseline, texts)
    digest = hashlib.sha256("\n".join(map(repr, texts)).encode("utf-8", "surrogatepass")).hexdigest()
    metric, mark = _metric(baseline.manifest.head)

    def marks(model: Model) -> Marks:
        return mark(model_outputs(model, texts), expected)

    return Evaluation(source, digest, (metric,), marks, tuple(texts))


def _metric(head: Head) -> tuple[Metric, Callable[[_Outputs, _Outputs], Marks]]:
    """Return the metric of a task and what gives its marks from the outputs of a model and of the baseline."""
    if isinstance(head, EmbedHead):
        return COSINE, lambda found, expected: cosines(np.stack(found), np.stack(expected))[:, None]
    if isinstance(head, TagHead):
        metric = dataclasses.replace(ENTITY_F1, name="entity F1 against FP32")
        return metric, lambda found, expected: entity_marks(_tags(head, expected), _tags(head, found))
    if isinstance(head, AnswerHead):
        return AGREEMENT, lambda found, expected: _column(same_answers(found, expected))
    if head.problem_type == "regression":
        metric = dataclasses.replace(SPEARMAN, name="Spearman against FP32")
        return metric, lambda found, expected: np.column_stack([np.concatenate(expected), np.concatenate(found)])
    return AGREEMENT, lambda found, expected: _column(same_labels(head, np.stack(found), np.stack(expected)))


def _column(same: npt.NDArray[np.bool_]) -> Marks:
    return same.astype(np.float64)[:, None]


def _tags(head: TagHead, outputs: _Outputs) -> list[list[str]]:
    return [[head.labels[label] for label in scores.argmax(axis=1)] for scores in outputs]
