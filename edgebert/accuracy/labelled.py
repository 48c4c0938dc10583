"""Texts with what people expect, from a file; `docs/accuracy-gate.md` describes the columns of every task."""

from edgebert.accuracy.evaluation import Evaluation
from edgebert.accuracy.labels import label_sets, single_labels, values
from edgebert.accuracy.likeness import likeness
from edgebert.accuracy.questions import questions
from edgebert.accuracy.tags import tags
from edgebert.manifest import AnswerHead, EmbedHead, Head, TagHead


def read_labelled(source: str, head: Head) -> Evaluation:
    """Read what a model with this head is held to.

    Args:
        source: a file or data set, as `edgebert.rows.read_rows` takes it.
        head: what the model answers.

    Raises:
        InputError: the source cannot be read, a column is missing, or a label is not the model's.
    """
    if isinstance(head, EmbedHead):
        return likeness(source)
    if isinstance(head, TagHead):
        return tags(source, head.labels)
    if isinstance(head, AnswerHead):
        return questions(source)
    if head.problem_type == "regression":
        return values(source)
    if head.problem_type == "multi_label_classification" or len(head.labels) == 1:
        return label_sets(source, head.labels)
    return single_labels(source, head.labels)
