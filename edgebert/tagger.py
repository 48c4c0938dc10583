"""Text to entities: tokens, session, scores of labels, groups."""

import functools
from collections.abc import Sequence
from typing import get_args, overload

import numpy as np

from edgebert.batching import check_texts, warn_truncated
from edgebert.engines import Floats
from edgebert.entities import Aggregation, Entity, Grouping
from edgebert.errors import InputError
from edgebert.manifest import TagHead
from edgebert.pieces import Pieces
from edgebert.progress import wants_bar
from edgebert.softmax import softmax
from edgebert.task import Task
from edgebert.texts import Record, single_texts
from edgebert.windows import LongTokens, TokenOutputs, read_tokens


class Tagger(Task[TagHead]):
    """Finds entities in texts; `edgebert.load` makes one."""

    _head_type = TagHead

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the model's outputs."""
        return self._head.labels

    @overload
    def tag(
        self,
        texts: str,
        aggregation: Aggregation = "simple",
        *,
        ignore_labels: Sequence[str] = ("O",),
        batch_size: int = 32,
        long_texts: LongTokens = "windows",
        show_progress_bar: bool | None = None,
    ) -> list[Entity]: ...

    @overload
    def tag(
        self,
        texts: list[str] | tuple[str, ...],
        aggregation: Aggregation = "simple",
        *,
        ignore_labels: Sequence[str] = ("O",),
        batch_size: int = 32,
        long_texts: LongTokens = "windows",
        show_progress_bar: bool | None = None,
    ) -> list[list[Entity]]: ...

    def tag(
        self,
        texts: str | Sequence[str],
        aggregation: Aggregation = "simple",
        *,
        ignore_labels: Sequence[str] = ("O",),
        batch_size: int = 32,
        long_texts: LongTokens = "windows",
        show_progress_bar: bool | None = None,
    ) -> list[Entity] | list[list[Entity]]:
        """Find entities, in the form of the token-classification pipeline of transformers.

        Args:
            texts: one text or several.
            aggregation: what an entity is: a token ("none"), neighbouring tokens of one label ("simple"), or
                neighbouring words of one label, where a word has the label of its "first" token, of the "average" of
                its tokens' scores, or of the token with the "max" score.
            ignore_labels: labels, or names of groups, that are left out.
            batch_size: rows given to the engine at once; it changes no answer.
            long_texts: what to do with more than `max_tokens`: read overlapping "windows", or "cut" the end.
            show_progress_bar: None shows it only where the logger "edgebert" is at INFO or lower.

        Returns:
            entities in the order of the text: {"entity_group", "score", "word", "start", "end"}, or with "none"
            {"entity", "score", "index", "word", "start", "end"}; ``text[start:end]`` is the entity as it stands in the
            text. For a sequence of texts a list of that.

        Raises:
            InputError: an argument cannot be used.
            EngineError: the engine failed.
        """
        many = [texts] if isinstance(texts, str) else check_texts(texts)
        tokens = self.read(many, batch_size, long_texts=long_texts, show_progress_bar=show_progress_bar)
        warn_truncated(np.array([each.truncated for each in tokens], np.bool_), self.max_tokens, 'long_texts="windows"')
        found = self.group(many, tokens, aggregation, ignore_labels)
        return found[0] if isinstance(texts, str) else found

    def read(
        self,
        texts: Sequence[str],
        batch_size: int = 32,
        *,
        long_texts: LongTokens = "windows",
        show_progress_bar: bool | None = None,
    ) -> list[TokenOutputs]:
        """Return the tokens of each text with the probability of every label; the arguments are those of `tag`."""
        shown = wants_bar(show_progress_bar)
        tokens = read_tokens(self.session, self._reader, check_texts(texts), batch_size, long_texts, shown)
        return [TokenOutputs(each.ids, each.offsets, softmax(each.outputs), each.truncated) for each in tokens]

    def group(
        self,
        texts: Sequence[str],
        tokens: Sequence[TokenOutputs],
        aggregation: Aggregation = "simple",
        ignore_labels: Sequence[str] = ("O",),
    ) -> list[list[Entity]]:
        """Make entities of what `read` returned for texts; the arguments are those of `tag`."""
        if aggregation not in get_args(Aggregation):
            raise InputError(f"aggregation is {aggregation!r}: give one of {', '.join(get_args(Aggregation))}")
        ignored = set(ignore_labels)
        return [
            [
                entity
                for entity in self._grouping.entities(text, own, aggregation)
                if ignored.isdisjoint((entity.get("entity"), entity.get("entity_group")))
            ]
            for text, own in zip(texts, tokens, strict=True)
        ]

    def outputs(self, texts: Sequence[Record]) -> list[Floats]:
        """Return the probability of every label for each token of each text, cut: float32 [tokens, labels]."""
        return [tokens.outputs for tokens in self.read(single_texts(texts), long_texts="cut")]

    @functools.cached_property
    def _grouping(self) -> Grouping:
        return Grouping(self.labels, Pieces(self.tokenizer), self.tokenizer.unk_id)
