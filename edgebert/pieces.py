"""Words from the pieces that WordPiece cuts them into."""

from collections.abc import Sequence

import numpy as np

from edgebert.batching import Flags
from edgebert.engines import Ids
from edgebert.tokenizer import Tokenizer

# what the decoder of Hugging Face's tokenizers closes up, in its order
_CLOSED_UP = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


class Pieces:
    """The tokens of a vocabulary as pieces of words."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._prefix = tokenizer.continuing_prefix
        self._texts = [""] * tokenizer.id_count
        for token, index in tokenizer.get_vocab().items():
            self._texts[index] = token
        self._continues = np.array([token.startswith(self._prefix) for token in self._texts], np.bool_)

    def text(self, token: int) -> str:
        """Return a token as it stands in the vocabulary."""
        return self._texts[token]

    def continues(self, ids: Ids) -> Flags:
        """Say of each token whether it continues the word of the token before it; bool [tokens]."""
        return np.asarray(self._continues[ids], np.bool_)

    def join(self, tokens: Sequence[str]) -> str:
        """Write tokens as text: pieces of a word together, words apart, closed up as the reference does."""
        return "".join(self._decoded(token, at == 0) for at, token in enumerate(tokens))

    def _decoded(self, token: str, is_first: bool) -> str:
        if not is_first:
            token = token[len(self._prefix) :] if token.startswith(self._prefix) else f" {token}"
        for spaced, closed in _CLOSED_UP:
            token = token.replace(spaced, closed)
        return token
