"""Texts with what people expect, from a file; `docs/accuracy-gate.md` describes the columns of every task."""

from collections.abc import Iterable

from edgebert.accuracy.evaluation import Evaluation, Labelled
from edgebert.accuracy.labels import label_sets, single_labels, values
from edgebert.accuracy.likeness import likeness
from edgebert.accuracy.questions import questions
from edgebert.accuracy.tags import tags
from edgebert.lines import Row
from edgebert.manifest import AnswerHead, EmbedHead, Head, TagHead
from edgebert.rows import read_rows


def read_labelled(source: str, head: Head, rows: Iterable[Row] | None = None) -> Evaluation:
    """Read what a model with this head is held to.

    Args:
        source: a file or data set, as `edgebert.rows.read_rows` takes it.
        head: what the model answers.
        rows: those of the source where another reader gives them.

    Raises:
        InputError: the source cannot be read, a column is missing, or a label is not the model's.
    """
    data = Labelled(source, read_rows(source) if rows is None else rows)
    if isinstance(head, EmbedHead):
        return likeness(data)
    if isinstance(head, TagHead):
        return tags(data, head.labels)
    if isinstance(head, AnswerHead):
        return questions(data)
    if head.problem_type == "regression":
        return values(data)
    if head.problem_type == "multi_label_classification" or len(head.labels) == 1:
        return label_sets(data, head.labels)
    return single_labels(data, head.labels)
