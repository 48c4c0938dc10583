"""More texts for a teacher to label: words deleted, swapped, or replaced by near ones.

Everything works on token ids, a word being a piece and the pieces that continue it, so that special tokens and the two
texts of a pair stay where they are.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from edgebert.errors import InputError
from edgebert.export.train.store import Features, Store

KINDS = ("delete", "swap", "neighbours", "mlm")

Word = list[int]
Change = Callable[[list[Word], random.Random], list[Word]]

_SHARE = 0.15  # of the words that are changed, one at least
_NEAR = 8  # candidates among which a replacement is drawn


def augmented(
    store: Store,
    copies: int,
    changes: Sequence[Change],
    tokenizer: Any,  # noqa: ANN401
    unlabelled: Callable[[int], Features],
    seed: int,
) -> Iterator[Features]:
    """Yield ``copies`` changed texts for each example of a store; the kinds of change take turns.

    Args:
        store: the examples.
        copies: changed texts an example.
        changes: what to do, from `changes_of`.
        tokenizer: of the ids.
        unlabelled: gives the columns of a text that nobody labelled, beside its tokens, by their number.
        seed: decides the changes.
    """
    special = frozenset(tokenizer.all_special_ids)
    continues = _continuations(tokenizer)
    for example in range(len(store)):
        generator = random.Random((seed << 32) + example)
        ids = store.get("input_ids", example).tolist()
        types = store.get("token_type_ids", example).tolist()
        for copy in range(copies):
            change = changes[(example + copy) % len(changes)]
            new_ids, new_types = _changed(ids, types, special, continues, change, generator)
            yield {
                "input_ids": np.array(new_ids, np.int32),
                "token_type_ids": np.array(new_types, np.int8),
                **unlabelled(len(new_ids)),
            }


def _changed(
    ids: list[int],
    types: list[int],
    special: frozenset[int],
    continues: frozenset[int],
    change: Change,
    generator: random.Random,
) -> tuple[list[int], list[int]]:
    """Change the words between special tokens, each stretch by itself."""
    new_ids: list[int] = []
    new_types: list[int] = []
    words: list[Word] = []
    kind = 0

    def flush() -> None:
        pieces = [piece for word in (change(words, generator) if words else []) for piece in word]
        new_ids.extend(pieces)
        new_types.extend([kind] * len(pieces))
        words.clear()

    for piece, of_type in zip(ids, types, strict=True):
        if piece in special:
            flush()
            new_ids.append(piece)
            new_types.append(of_type)
        elif piece in continues and words:
            words[-1].append(piece)
        else:
            words.append([piece])
            kind = of_type
    flush()
    return new_ids, new_types


def _continuations(tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    return frozenset(index for token, index in tokenizer.get_vocab().items() if token.startswith("##"))


def changes_of(kinds: Sequence[str], teacher: Any, masked: Any, tokenizer: Any) -> list[Change]:  # noqa: ANN401
    """Return the changes by their names.

    Args:
        kinds: of `KINDS`.
        teacher: whose word vectors say what "neighbours" are.
        masked: a BertForMaskedLM for "mlm"; None where there is none.
        tokenizer: of both.

    Raises:
        InputError: a name is unknown, or "mlm" is asked for without a model.
    """
    check_kinds(kinds, masked is not None)
    made: list[Change] = []
    for kind in kinds:
        if kind == "delete":
            made.append(delete)
        elif kind == "swap":
            made.append(swap)
        elif kind == "neighbours":
            made.append(Neighbours(teacher.get_input_embeddings().weight.detach().cpu(), tokenizer))
        else:
            made.append(MaskedWords(masked, tokenizer))
    return made


def check_kinds(kinds: Sequence[str], has_masked: bool) -> None:
    """Refuse changes that there are not.

    Raises:
        InputError: a name is unknown, or "mlm" is asked for without a model.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"texts cannot be augmented by {kind!r}: choose of {', '.join(KINDS)}")
        if kind == "mlm" and not has_masked:
            raise InputError("augmenting by mlm needs a checkpoint with a masked-language head: name it with --mlm")


def _some(words: list[Word], generator: random.Random) -> list[int]:
    """Return places of words to change, at least one."""
    return sorted(generator.sample(range(len(words)), max(1, round(_SHARE * len(words)))))


def delete(words: list[Word], generator: random.Random) -> list[Word]:
    """Leave some words out, but never all."""
    if len(words) < 2:
        return words
    gone = set(_some(words, generator))
    return [word for at, word in enumerate(words) if at not in gone]


def swap(words: list[Word], generator: random.Random) -> list[Word]:
    """Let some words change places with the next."""
    changed = list(words)
    for at in _some(words, generator) if len(words) > 1 else []:
        other = at + 1 if at + 1 < len(words) else at - 1
        changed[at], changed[other] = changed[other], changed[at]
    return changed


class Neighbours:
    """Replaces words of one piece by words whose vectors are near."""

    def __init__(self, table: torch.Tensor, tokenizer: Any) -> None:  # noqa: ANN401
        unit = torch.nn.functional.normalize(table, dim=1)
        barred = sorted({*tokenizer.all_special_ids, *_continuations(tokenizer)})
        unit[barred] = 0
        self._unit = unit
        self._known: dict[int, list[int]] = {}

    def __call__(self, words: list[Word], generator: random.Random) -> list[Word]:
        """Replace some words."""
        changed = list(words)
        for at in _some(words, generator):
            if len(words[at]) == 1:
                changed[at] = [generator.choice(self._near(words[at][0]))]
        return changed

    def _near(self, piece: int) -> list[int]:
        if piece not in self._known:
            cosines = self._unit @ self._unit[piece]
            cosines[piece] = -1
            self._known[piece] = cosines.topk(min(_NEAR, len(cosines) - 1)).indices.tolist()
        return self._known[piece]


class MaskedWords:
    """Replaces words of one piece by what a masked language model would put there."""

    def __init__(self, model: Any, tokenizer: Any) -> None:  # noqa: ANN401  (a BertForMaskedLM)
        self._model = model.eval()
        self._begin, self._end = tokenizer.cls_token_id, tokenizer.sep_token_id
        self._mask = tokenizer.mask_token_id
        self._barred = sorted({*tokenizer.all_special_ids, *_continuations(tokenizer)})

    def __call__(self, words: list[Word], generator: random.Random) -> list[Word]:
        """Replace some words, all masked at once."""
        chosen = [at for at in _some(words, generator) if len(words[at]) == 1]
        if not chosen:
            return words
        pieces = [self._begin]
        places = {}
        for at, word in enumerate(words):
            places[at] = len(pieces)
            pieces += [self._mask] if at in chosen else word
        with torch.inference_mode():
            logits = self._model(torch.tensor([[*pieces, self._end]])).logits[0]
            logits[:, self._barred] = float("-inf")
        changed = list(words)
        for at in chosen:
            changed[at] = [generator.choice(logits[places[at]].topk(_NEAR).indices.tolist())]
        return changed
