"""Questions to spans of their context. A context that is too long is read in windows that overlap."""

import collections
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from edgebert.accuracy.columns import value_in
from edgebert.errors import InputError
from edgebert.export.train.batches import Batch
from edgebert.export.train.examples import filled
from edgebert.export.train.loop import Metrics
from edgebert.export.train.metrics import answer_scores
from edgebert.export.train.store import Array, Features, Store
from edgebert.export.train.tasks.models import inputs_of, load_model
from edgebert.lines import Row

_STRIDE = 0.4  # share of a window that the next one repeats
_LONGEST = 30  # tokens of an answer
_NOWHERE = -1e9  # score of a token that cannot begin or end an answer


@dataclasses.dataclass(frozen=True)
class Span:
    """An answer: its text and the code point of the context at which it begins."""

    text: str
    start: int


@dataclasses.dataclass(frozen=True)
class Question:
    """A question about a context with its possible answers; none where the context holds no answer."""

    question: str
    context: str
    answers: tuple[Span, ...]


@dataclasses.dataclass(frozen=True)
class Answer:
    """Extractive question answering."""

    @property
    def metric(self) -> str:
        """The F1 over words, as SQuAD has it."""
        return "f1"

    @classmethod
    def from_rows(cls, rows: Iterator[Row], source: str) -> "Answer":
        """Check every row.

        Raises:
            InputError: a row cannot be used, or no question has an answer.
        """
        if not any([question_of(row).answers for row in rows]):
            raise InputError(f"{source}: no question has an answer: there is nothing to learn")
        return cls()

    def encode(self, rows: Iterator[Row], tokenizer: Any, max_tokens: int) -> Iterator[Features]:  # noqa: ANN401
        """Yield the windows of each question, with the answer's first and last token or 0, 0 where it is elsewhere."""
        for number, row in enumerate(rows):
            question = question_of(row)
            for features in _windows(question, tokenizer, max_tokens, row.where):
                yield {**features, "question": np.array([number], np.int64)}

    def build(self, folder: Path) -> Any:  # noqa: ANN401
        """Load a BertForQuestionAnswering."""
        return load_model("BertForQuestionAnswering", folder, num_labels=2)

    def loss(self, model: Any, batch: Batch) -> torch.Tensor:  # noqa: ANN401
        """Return the mean cross-entropy of first and last token."""
        output = model(**inputs_of(batch))
        return self.loss_of(torch.stack([output.start_logits, output.end_logits], dim=-1), batch)

    def loss_of(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the mean cross-entropy; logits [windows, tokens, 2]."""
        shut = (batch["attention_mask"] == 0)[:, :, None]
        scores = logits.masked_fill(shut, _NOWHERE)
        return functional.cross_entropy(scores, batch["span"])

    def predict(self, model: Any, batch: Batch) -> list[Array]:  # noqa: ANN401
        """Return score, first and last character of the best span of each window, float64 [3]."""
        output = model(**inputs_of(batch))
        starts, ends = output.start_logits.float(), output.end_logits.float()
        shut = batch["starts"] < 0
        pairs = starts.masked_fill(shut, _NOWHERE)[:, :, None] + ends.masked_fill(shut, _NOWHERE)[:, None, :]
        # an answer ends where it begins or up to _LONGEST tokens later
        allowed = torch.ones_like(pairs[0], dtype=torch.bool).triu().tril(_LONGEST - 1)
        best = pairs.masked_fill(~allowed, 2 * _NOWHERE).flatten(1).max(dim=1)
        first, last = best.indices // pairs.shape[2], best.indices % pairs.shape[2]
        rows = torch.arange(len(first), device=first.device)
        found = torch.stack(
            [best.values.double(), batch["starts"][rows, first].double(), batch["ends"][rows, last].double()], dim=1
        )
        return list(found.cpu().numpy())

    def score(self, found: Sequence[Array], data: Store) -> Metrics:
        """Return exact match and F1 of the best span over all windows of each question."""
        windows: dict[int, list[int]] = collections.defaultdict(list)
        for at, number in enumerate(data.all("question").tolist()):
            windows[number].append(at)
        scores = []
        for ats in windows.values():
            best = max(ats, key=lambda at: float(found[at][0]))
            context = data.get("context", ats[0]).tobytes().decode()
            text = context[int(found[best][1]) : int(found[best][2])]
            scores.append(answer_scores(text, json.loads(data.get("answers", ats[0]).tobytes())))
        exact, overlap = np.mean(scores, axis=0)
        return {"f1": float(overlap), "exact_match": float(exact)}

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:  # noqa: ANN401
        """Write model and tokenizer."""
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def question_of(row: Row) -> Question:
    """Return the question of a row, its answers as SQuAD has them: a list of objects, or an object of two lists.

    Raises:
        InputError: something is missing, or an answer is not in the context where it says.
    """
    question, context = filled(row, "question"), filled(row, "context")
    answers = tuple(_span(row, context, each) for each in _listed(row, value_in(row, "answers")))
    return Question(question, context, answers)


def _listed(row: Row, value: object) -> list[Mapping[str, object]]:
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        starts = value.get("answer_start")
        if isinstance(starts, list) and len(starts) == len(value["text"]):
            return [{"text": text, "answer_start": at} for text, at in zip(value["text"], starts, strict=True)]
    if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        return value
    raise InputError(f"{row.where}: column 'answers' must be a list of objects with text and answer_start")


def _span(row: Row, context: str, answer: Mapping[str, object]) -> Span:
    text, start = answer.get("text"), answer.get("answer_start")
    if not isinstance(text, str) or not text or not isinstance(start, int) or isinstance(start, bool):
        raise InputError(f"{row.where}: an answer needs a text and a whole number answer_start, not {dict(answer)!r}")
    found = context[start : start + len(text)] if start >= 0 else ""
    if found != text:
        raise InputError(
            f"{row.where}: the answer {text!r} is not at character {start} of its context, {found!r} is: "
            "count code points"
        )
    return Span(text, start)


def _windows(question: Question, tokenizer: Any, max_tokens: int, where: str) -> Iterator[Features]:  # noqa: ANN401
    asked = len(tokenizer(question.question, add_special_tokens=False)["input_ids"])
    room = max_tokens - asked - 3  # [CLS] question [SEP] context [SEP]
    if room < 8:
        raise InputError(f"{where}: a question of {asked} tokens leaves no room for its context in {max_tokens}")
    encoded = tokenizer(
        question.question,
        question.context,
        truncation="only_second",
        max_length=max_tokens,
        stride=int(room * _STRIDE),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
    )
    for at, offsets in enumerate(encoded["offset_mapping"]):
        inside = np.array([part == 1 for part in encoded.sequence_ids(at)])
        places = np.array(offsets, np.int32)
        starts, ends = (np.where(inside, places[:, side], -1).astype(np.int32) for side in (0, 1))
        yield {
            "input_ids": np.array(encoded["input_ids"][at], np.int32),
            "token_type_ids": np.array(encoded["token_type_ids"][at], np.int8),
            "starts": starts,
            "ends": ends,
            "span": _tokens_of(question, starts, ends),
            "context": np.frombuffer(question.context.encode(), np.uint8),
            "answers": np.frombuffer(json.dumps([span.text for span in question.answers]).encode(), np.uint8),
        }


def _tokens_of(question: Question, starts: Array, ends: Array) -> Array:
    """Return the first and last token of the first answer, int64 [2]; 0, 0 where the window does not hold all of it."""
    if question.answers:
        span = question.answers[0]
        first = np.flatnonzero((starts >= 0) & (starts <= span.start) & (span.start < ends))
        last = np.flatnonzero(
            (starts >= 0) & (starts < span.start + len(span.text)) & (span.start + len(span.text) <= ends)
        )
        if len(first) and len(last):
            return np.array([first[0], last[-1]], np.int64)
    return np.zeros(2, np.int64)
