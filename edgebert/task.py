"""What every task has in common: an open bundle, and the way from texts to one row of numbers a text."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar, cast

from edgebert.batching import Flags, LongTexts, Reader, join_windows, run_rows, truncated_texts
from edgebert.engines import Floats, Session
from edgebert.errors import InputError
from edgebert.manifest import AnswerHead, ClassifyHead, EmbedHead, Manifest, TagHead
from edgebert.progress import ProgressBar, wants_bar
from edgebert.texts import Record
from edgebert.tokenizer import Tokenizer

Head = TypeVar("Head", EmbedHead, ClassifyHead, TagHead, AnswerHead)


class Task(ABC, Generic[Head]):
    """A model that is open. Subclasses say which head they read."""

    _head_type: ClassVar[type]

    def __init__(self, manifest: Manifest, tokenizer: Tokenizer, session: Session, threads: int = 1) -> None:
        """Join the parts of a bundle; ``threads`` is for the tokenizer.

        Raises:
            InputError: the bundle is for another task.
        """
        if not isinstance(manifest.head, self._head_type):
            raise InputError(f"the bundle's task is {manifest.task!r}, which is not for {type(self).__name__}")
        self.manifest = manifest
        self.tokenizer = tokenizer
        self.session = session
        self._head: Head = cast("Head", manifest.head)
        self._reader = Reader(tokenizer, manifest.shape.max_tokens, threads)

    @property
    def max_tokens(self) -> int:
        """Longest input in tokens, special tokens included; longer texts are cut."""
        return self.manifest.shape.max_tokens

    @abstractmethod
    def outputs(self, texts: Sequence[Record]) -> list[Floats]:
        """Return of each text the numbers that golden answers hold and that models are compared by; long texts are cut.

        Raises:
            InputError: the task takes pairs of texts and there are single ones, or the other way round.
        """

    def _answer(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None,
        batch_size: int,
        long_texts: LongTexts,
        show_progress_bar: bool | None,
        reduce: Callable[[Floats], Floats],
        width: int,
    ) -> tuple[Floats, Flags]:
        """Run texts through the model, each on its own bits.

        Returns:
            what ``reduce`` makes of each text, float32 [texts, width], and whether the text was cut, bool [texts].
        """
        rows = self._reader.rows(texts, pairs, long_texts)
        with ProgressBar(len(rows), "texts", wants_bar(show_progress_bar)) as bar:
            values = run_rows(self.session, rows, batch_size, reduce, width, bar)
        return join_windows(values, rows, len(texts), long_texts), truncated_texts(rows, len(texts), long_texts)
