"""Question and text to answers: windows, session, spans."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Literal, TypedDict, overload

import numpy as np
import numpy.typing as npt

from edgebert.batching import each_row
from edgebert.engines import Floats
from edgebert.errors import InputError
from edgebert.manifest import AnswerHead
from edgebert.pieces import Pieces
from edgebert.progress import ProgressBar, wants_bar
from edgebert.spans import best_spans
from edgebert.task import Task
from edgebert.texts import Record, paired_texts
from edgebert.tokenizer import EncodedBatch

_WINDOW = 384  # tokens, at most; what models are trained on
_STRIDE = 128  # tokens that neighbouring windows share, at most


class Answer(TypedDict):
    """A piece of a context, ``context[start:end]`` in code points; an empty one says that there is no answer."""

    score: float
    start: int
    end: int
    answer: str


@dataclasses.dataclass(frozen=True)
class _Choice:
    """Which spans become answers; the fields are arguments of `Answerer.answer`."""

    top_k: int
    max_answer_len: int
    handle_impossible_answer: bool
    align_to_words: bool

    def __post_init__(self) -> None:
        for name in ("top_k", "max_answer_len"):
            _check_count(name, getattr(self, name))

    @property
    def candidates(self) -> int:
        """Spans to take from a window; some of them become one where they are aligned to words."""
        return 2 * self.top_k + 10 if self.align_to_words else self.top_k


@dataclasses.dataclass(frozen=True)
class _Window:
    """The context's part of a row.

    Attributes:
        offsets: int32 [tokens, 2], in code points of the context.
        continues: bool [tokens], whether a token continues a word of the window.
        logits: float32 [1 + tokens, 2]; the first row is that of [CLS].
    """

    offsets: npt.NDArray[np.int32]
    continues: npt.NDArray[np.bool_]
    logits: Floats

    def place(self, start: int, end: int, align_to_words: bool) -> tuple[int, int]:
        """Return where the tokens from ``start`` to ``end``, which is included, stand in the context."""
        while align_to_words and start > 0 and self.continues[start]:
            start -= 1
        while align_to_words and end + 1 < len(self.continues) and self.continues[end + 1]:
            end += 1
        return int(self.offsets[start, 0]), int(self.offsets[end, 1])


class Answerer(Task[AnswerHead]):
    """Finds the answers to questions in texts; `edgebert.load` makes one."""

    _head_type = AnswerHead

    @overload
    def answer(
        self,
        question: str,
        context: str,
        top_k: Literal[1] = 1,
        *,
        max_answer_len: int = 15,
        handle_impossible_answer: bool = False,
        align_to_words: bool = True,
        max_seq_len: int | None = None,
        doc_stride: int | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
    ) -> Answer: ...

    @overload
    def answer(
        self,
        question: str | Sequence[str],
        context: str | Sequence[str],
        top_k: int = 1,
        *,
        max_answer_len: int = 15,
        handle_impossible_answer: bool = False,
        align_to_words: bool = True,
        max_seq_len: int | None = None,
        doc_stride: int | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
    ) -> Answer | list[Answer] | list[list[Answer]]: ...

    def answer(
        self,
        question: str | Sequence[str],
        context: str | Sequence[str],
        top_k: int = 1,
        *,
        max_answer_len: int = 15,
        handle_impossible_answer: bool = False,
        align_to_words: bool = True,
        max_seq_len: int | None = None,
        doc_stride: int | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
    ) -> Answer | list[Answer] | list[list[Answer]]:
        """Answer questions, in the form of the question-answering pipeline of transformers.

        Args:
            question: one question or several.
            context: the text that holds the answer, one for each question or one for all of them.
            top_k: how many answers a question gets at most, best first.
            max_answer_len: most tokens of an answer.
            handle_impossible_answer: "no answer" is one of the answers, {"start": 0, "end": 0, "answer": ""}.
            align_to_words: an answer begins and ends with whole words.
            max_seq_len: tokens of question and context together that are read at once; None is 384, or `max_tokens`
                where that is less. A longer context is read in overlapping windows.
            doc_stride: tokens that neighbouring windows share; None is 128, or half a window where that is less.
            batch_size: rows given to the engine at once; it changes no answer.
            show_progress_bar: None shows it only where the logger "edgebert" is at INFO or lower.

        Returns:
            {"score", "start", "end", "answer"} where ``top_k`` is 1, else a list of them; ``context[start:end]`` is the
            answer, and equal answers of a question add their scores. For a list of questions or of contexts a list of
            that. A context without a token has the answer "".

        Raises:
            InputError: an argument cannot be used, or a question leaves no room for its context.
            EngineError: the engine failed.
        """
        choice = _Choice(top_k, max_answer_len, handle_impossible_answer, align_to_words)
        questions, contexts = _paired(question, context)
        rows = self._rows(questions, contexts, max_seq_len, doc_stride)
        windows = self._windows(rows, len(questions), batch_size, wants_bar(show_progress_bar))
        ranked = [_ranked(own, text, choice) for own, text in zip(windows, contexts, strict=True)]
        single = isinstance(question, str) and isinstance(context, str)
        if top_k == 1:
            best = [answers[0] for answers in ranked]
            return best[0] if single else best
        return ranked[0] if single else ranked

    def outputs(self, texts: Sequence[Record]) -> list[Floats]:
        """Return logits of start and end for pairs (question, context): float32 [1 + tokens of the context, 2].

        The first row is that of [CLS]. Of a long context it is the beginning.
        """
        questions, contexts = paired_texts(texts)
        rows = self._rows(questions, contexts, self.max_tokens, None)
        return [next(own).logits for own in map(iter, self._windows(rows, len(questions), 32, shown=False))]

    def _rows(
        self, questions: list[str], contexts: list[str], max_seq_len: int | None, doc_stride: int | None
    ) -> EncodedBatch:
        """Tokenize questions with their contexts: as many windows as a context needs."""
        width = min(self.max_tokens, _WINDOW) if max_seq_len is None else max_seq_len
        _check_count("max_seq_len", width)
        if width > self.max_tokens:
            raise InputError(f"max_seq_len is {width}: the model takes at most {self.max_tokens} tokens")
        return self.tokenizer.encode_batch(
            questions,
            contexts,
            max_length=width,
            stride=max(1, min(width // 2, _STRIDE)) if doc_stride is None else doc_stride,
            truncation="only_second",
            offsets=True,
            threads=self._reader.threads,
        )

    def _windows(self, rows: EncodedBatch, texts: int, batch_size: int, shown: bool) -> list[list[_Window]]:
        """Run every row; return the windows of each text."""
        offsets = rows.offsets if rows.offsets is not None else np.empty((0, 2), np.int32)
        sequences = rows.sequence_ids
        found: list[_Window | None] = [None] * len(rows)
        with ProgressBar(len(rows), "texts", shown) as bar:
            for row, logits in each_row(self.session, rows, batch_size, bar):
                start, end = rows.row_starts[row : row + 2].tolist()
                own = np.flatnonzero(sequences[start:end] == 1)
                continues = self._pieces.continues(rows.input_ids[start + own])
                found[row] = _Window(offsets[start + own], continues, logits[np.concatenate([[0], own])])
        windows: list[list[_Window]] = [[] for _ in range(texts)]
        for text, window in zip(rows.row_text.tolist(), found, strict=True):
            if window is not None:
                windows[text].append(window)
        return windows

    @functools.cached_property
    def _pieces(self) -> Pieces:
        return Pieces(self.tokenizer)


def _ranked(windows: Sequence[_Window], context: str, choice: _Choice) -> list[Answer]:
    """Return the best answers of all windows of a context; at least one."""
    found: dict[str, Answer] = {}
    no_answer = 1.0
    for window in windows:
        spans = best_spans(window.logits, choice.candidates, choice.max_answer_len)
        no_answer = min(no_answer, spans.no_answer)
        for start, end, score in zip(spans.starts.tolist(), spans.ends.tolist(), spans.scores.tolist(), strict=True):
            begin, stop = window.place(start, end, choice.align_to_words)
            text = context[begin:stop]
            known = found.setdefault(text.lower(), {"score": 0.0, "start": begin, "end": stop, "answer": text})
            known["score"] += score
    answers = list(found.values())
    if choice.handle_impossible_answer or not answers:
        answers.append({"score": no_answer, "start": 0, "end": 0, "answer": ""})
    return sorted(answers, key=lambda answer: -answer["score"])[: choice.top_k]


def _paired(question: object, context: object) -> tuple[list[str], list[str]]:
    """Return as many questions as contexts."""
    questions, contexts = _texts("question", question), _texts("context", context)
    if isinstance(question, str):
        questions = questions * len(contexts)
    elif isinstance(context, str):
        contexts = contexts * len(questions)
    if len(questions) != len(contexts):
        raise InputError(f"there are {len(questions)} questions for {len(contexts)} contexts: give one each")
    return questions, contexts


def _texts(name: str, value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, Sequence) or not all(isinstance(text, str) for text in value):
        raise InputError(f"{name} is of type {type(value).__name__}: give a str or a list of str")
    return list(value)


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} is {value!r}: give a whole number from 1")
