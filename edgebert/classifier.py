"""Text to labels: tokens, session, scores, the best labels."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict, overload

import numpy as np
import numpy.typing as npt

from edgebert.batching import Flags, LongTexts, warn_truncated
from edgebert.engines import Floats
from edgebert.errors import InputError
from edgebert.manifest import ClassifyHead
from edgebert.softmax import softmax
from edgebert.task import Task
from edgebert.texts import Record


class TextPair(TypedDict):
    """Two texts that are classified together."""

    text: str
    text_pair: str


class Answer(TypedDict):
    """A label and its score; the label is None where the score is below ``min_score``."""

    label: str | None
    score: float


TextInput = str | tuple[str, str] | TextPair
TextInputs = list[str] | list[tuple[str, str]] | list[TextPair] | list[TextInput]


class Classifier(Task[ClassifyHead]):
    """Gives labels to texts; `edgebert.load` makes one."""

    _head_type = ClassifyHead

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the model's outputs."""
        return self._head.labels

    @overload
    def classify(
        self,
        texts: TextInput,
        top_k: Literal[1] = 1,
        *,
        batch_size: int = 32,
        min_score: float | None = None,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
    ) -> Answer: ...

    @overload
    def classify(
        self,
        texts: TextInputs,
        top_k: Literal[1] = 1,
        *,
        batch_size: int = 32,
        min_score: float | None = None,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
    ) -> list[Answer]: ...

    @overload
    def classify(
        self,
        texts: TextInput | TextInputs,
        top_k: int | None = 1,
        *,
        batch_size: int = 32,
        min_score: float | None = None,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
    ) -> Answer | list[Answer] | list[list[Answer]]: ...

    def classify(
        self,
        texts: TextInput | TextInputs,
        top_k: int | None = 1,
        *,
        batch_size: int = 32,
        min_score: float | None = None,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
    ) -> Answer | list[Answer] | list[list[Answer]]:
        """Label texts.

        Args:
            texts: a str, a pair as (text, pair) or {"text": ..., "text_pair": ...}, or a list of these.
            top_k: how many labels a text gets, best first; None gives all of them.
            batch_size: rows given to the engine at once.
            min_score: an answer whose best score is below becomes {"label": None, "score": best}; where a model gives
                several labels to a text and ``top_k`` is not 1, labels below are left out instead.
            long_texts: what to do with more than `max_tokens`: "cut", or read overlapping windows and take the "mean"
                or "max" of their logits.
            show_progress_bar: None shows it only where the logger "edgebert" is at INFO or lower.

        Returns:
            {"label": ..., "score": ...} where ``top_k`` is 1, else a list of them; for a list of texts a list of that.

        Raises:
            InputError: an argument cannot be used.
            EngineError: the engine failed.
        """
        self.check_choice(top_k, min_score)
        many = texts if isinstance(texts, list) else [texts]
        scores, truncated = self.scores(
            many,
            batch_size,
            long_texts=long_texts,
            show_progress_bar=show_progress_bar,
            return_truncated=True,
        )
        warn_truncated(truncated, self.max_tokens)
        ranked = self.ranked(scores, top_k, min_score)
        if top_k == 1:
            best = [answers[0] for answers in ranked]
            return best if isinstance(texts, list) else best[0]
        return ranked if isinstance(texts, list) else ranked[0]

    @overload
    def scores(
        self,
        texts: Sequence[TextInput],
        batch_size: int = 32,
        *,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
        return_truncated: Literal[False] = False,
    ) -> Floats: ...

    @overload
    def scores(
        self,
        texts: Sequence[TextInput],
        batch_size: int = 32,
        *,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
        return_truncated: Literal[True],
    ) -> tuple[Floats, Flags]: ...

    def scores(
        self,
        texts: Sequence[TextInput],
        batch_size: int = 32,
        *,
        long_texts: LongTexts = "cut",
        show_progress_bar: bool | None = None,
        return_truncated: bool = False,
    ) -> Floats | tuple[Floats, Flags]:
        """Return the score of every label: float32 [texts, labels], in the order of `labels`.

        They are probabilities that add up to 1 for a single label (softmax), one probability a label for several labels
        (sigmoid), and the raw value for regression; the arguments are those of `classify`. With ``return_truncated``
        also which texts were cut, bool [texts], instead of a `TruncationWarning`.
        """
        firsts, seconds = _split(texts)
        logits, truncated = self._answer(
            firsts, seconds, batch_size, long_texts, show_progress_bar, _same, len(self.labels)
        )
        scores = self._activate(logits)
        if return_truncated:
            return scores, truncated
        warn_truncated(truncated, self.max_tokens)
        return scores

    def outputs(self, texts: Sequence[Record]) -> list[Floats]:
        """Return the score of every label for each text or pair, float32 [labels]."""
        return list(self.scores(list(texts), return_truncated=True)[0])

    def ranked(self, scores: Floats, top_k: int | None = None, min_score: float | None = None) -> list[list[Answer]]:
        """Return the best labels of each row of `scores`, best first; the arguments are those of `classify`."""
        self.check_choice(top_k, min_score)
        filters = self._head.problem_type == "multi_label_classification" and top_k != 1
        return [self._rank(row, top_k, min_score, filters) for row in scores]

    def _rank(self, row: Floats, top_k: int | None, min_score: float | None, filters: bool) -> list[Answer]:
        order = np.argsort(-row, kind="stable")[:top_k]
        answers: list[Answer] = [{"label": self.labels[index], "score": float(row[index])} for index in order]
        if min_score is None:
            return answers
        if filters:
            return [answer for answer in answers if answer["score"] >= min_score]
        if answers[0]["score"] < min_score:
            return [{"label": None, "score": answers[0]["score"]}]
        return answers

    def _activate(self, logits: Floats) -> Floats:
        """Turn logits [texts, labels] into scores, as the pipeline of transformers does."""
        kind = self._head.problem_type
        if kind == "regression":
            return logits
        if kind != "multi_label_classification" and len(self.labels) > 1:
            return softmax(logits)
        wide = logits.astype(np.float64)  # see `softmax`
        small = np.exp(-np.abs(wide))  # never overflows
        scores: npt.NDArray[np.float64] = np.where(wide >= 0, 1, small) / (1 + small)
        return scores.astype(np.float32)

    def check_choice(self, top_k: int | None, min_score: float | None) -> None:
        """Check the arguments of `classify` that choose among the labels.

        Raises:
            InputError: one of them cannot be used with this model.
        """
        if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1):
            raise InputError(f"top_k is {top_k!r}: give a whole number from 1, or None for all labels")
        if min_score is None:
            return
        if self._head.problem_type == "regression":
            raise InputError("min_score does not work with a regression model: its value is no probability")
        if isinstance(min_score, bool) or not isinstance(min_score, (int, float)) or not 0 <= min_score <= 1:
            raise InputError(f"min_score is {min_score!r}: give a number from 0 to 1")


def _same(logits: Floats) -> Floats:
    return logits


def _split(texts: object) -> tuple[list[str], list[str] | None]:
    """Return the first and second texts of the inputs; the second are None where no input is a pair."""
    if isinstance(texts, (str, tuple)) or not isinstance(texts, Sequence):
        raise InputError(f"texts is of type {type(texts).__name__}: give a list of str or of pairs")
    parts = [_parts(text, index) for index, text in enumerate(texts)]
    paired = sum(second is not None for _, second in parts)
    if paired not in (0, len(parts)):
        raise InputError(f"{paired} of {len(parts)} texts are pairs: give pairs only or single texts only")
    return [first for first, _ in parts], [second for _, second in parts if second is not None] if paired else None


def _parts(text: object, index: int) -> tuple[str, str | None]:
    if isinstance(text, str):
        return text, None
    if isinstance(text, Mapping) and set(text) == {"text", "text_pair"}:
        text = (text["text"], text["text_pair"])
    if isinstance(text, tuple) and len(text) == 2 and all(isinstance(part, str) for part in text):
        return text
    shown = sorted(map(str, text)) if isinstance(text, Mapping) else type(text).__name__
    raise InputError(
        f'texts[{index}] is {shown}: give a str, a pair (text, pair) or {{"text": ..., "text_pair": ...}} of str'
    )
