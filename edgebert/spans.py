"""From logits of start and end to the best spans, as the question-answering pipeline of transformers finds them."""

import dataclasses

import numpy as np
import numpy.typing as npt

from edgebert.engines import Floats
from edgebert.softmax import softmax


@dataclasses.dataclass(frozen=True)
class Spans:
    """The best spans of a row, best first; tokens are numbered from the start of the context.

    Attributes:
        starts: first tokens, int64 [spans].
        ends: last tokens, int64 [spans].
        scores: probability of the start times that of the end, float32 [spans].
        no_answer: the same product for [CLS], which stands for "no answer".
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    scores: Floats
    no_answer: float

    @property
    def place(self) -> tuple[int, int] | None:
        """First and last token of the best span; None where there is no token."""
        return (int(self.starts[0]), int(self.ends[0])) if len(self.starts) else None

    @property
    def score(self) -> float:
        """The score of the best span; that of "no answer" where there is no token."""
        return float(self.scores[0]) if len(self.starts) else self.no_answer


def best_spans(logits: Floats, count: int, longest: int) -> Spans:
    """Return the best spans of a row.

    Args:
        logits: of start and end, float32 [1 + tokens of the context, 2]; the first row is that of [CLS].
        count: how many spans at most.
        longest: most tokens of a span.
    """
    probabilities = softmax(logits.T)  # [2, 1 + tokens]
    starts, ends = probabilities[:, 1:]
    tokens = len(starts)
    width = min(longest, tokens)
    padded = np.concatenate([ends, np.zeros(width, np.float32)])
    following = np.lib.stride_tricks.sliding_window_view(padded, width)[:tokens] if tokens else padded.reshape(0, 0)
    products = starts[:, None] * following  # [tokens, width]: the span from a token over so many more
    inside = np.arange(tokens)[:, None] + np.arange(width) < tokens
    candidates = np.flatnonzero(inside)
    order = candidates[np.argsort(-products.reshape(-1)[candidates], kind="stable")[:count]]
    first, more = np.divmod(order, max(width, 1))
    return Spans(first, first + more, products.reshape(-1)[order], float(probabilities[0, 0] * probabilities[1, 0]))
