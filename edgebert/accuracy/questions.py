"""Questions about texts, with their answers."""

from collections.abc import Mapping
from typing import cast

from edgebert.accuracy.answers import answer_marks
from edgebert.accuracy.columns import value_in
from edgebert.accuracy.evaluation import Evaluation, Labelled, evaluation_of, read_pairs
from edgebert.accuracy.metrics import EXACT_MATCH, Marks
from edgebert.answerer import Answerer
from edgebert.errors import InputError
from edgebert.lines import Row
from edgebert.models import Model
from edgebert.texts import text_in


def questions(data: Labelled) -> Evaluation:
    """Read "question", "context" and "answers": the share of answers that match one exactly.

    The answers are a list of texts or, as SQuAD has it, {"text": [...]}; none says that the context has no answer.
    """
    asked, expected = read_pairs(data, lambda row: ((text_in(row, "question"), text_in(row, "context")), _answers(row)))
    unanswerable = not all(expected)

    def mark(model: Model) -> Marks:
        found = cast("Answerer", model).answer(
            [question for question, _ in asked],
            [context for _, context in asked],
            handle_impossible_answer=unanswerable,
        )
        return answer_marks(expected, [str(answer["answer"]) for answer in cast("list[dict[str, object]]", found)])

    return evaluation_of(data, asked, expected, (EXACT_MATCH,), mark)


def _answers(row: Row) -> list[str]:
    value = value_in(row, "answers")
    if isinstance(value, Mapping):
        value = value.get("text")
    if not isinstance(value, list):
        raise InputError(f"{row.where}: answers is of type {type(value).__name__}: give a list of texts")
    found = [answer.get("text") if isinstance(answer, Mapping) else answer for answer in value]
    if not all(isinstance(answer, str) for answer in found):
        raise InputError(f"{row.where}: answers holds what is no text: give a list of texts")
    return cast("list[str]", found)
