"""Masked words, drawn anew each time a text is seen.

Devlin et al., "BERT", arXiv 1810.04805, section 3.1: 15 % are to be predicted, of which 80 % become [MASK], 10 %
another token and 10 % stay. Whole words are chosen, with all of their pieces.
"""

import dataclasses

import torch

SHARE = 0.15
IGNORED = -100


@dataclasses.dataclass(frozen=True)
class Masker:
    """Masks batches of ids.

    Attributes:
        mask_id: id of [MASK].
        vocabulary: number of tokens, of which random ones are drawn.
    """

    mask_id: int
    vocabulary: int

    def __call__(
        self, ids: torch.Tensor, begins_word: torch.Tensor, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return masked ids and labels, both [texts, tokens]; the label of a token that was not chosen is -100.

        Args:
            ids: token ids.
            begins_word: 1 for the first piece of a word, 2 for the others, 0 for special tokens and padding.
            generator: of the draws; None is torch's own.
        """
        word = torch.cumsum(begins_word == 1, dim=1)
        draws = torch.rand(ids.shape, generator=generator).to(ids.device)
        chosen = (draws.gather(1, word.clamp(max=ids.shape[1] - 1)) < SHARE) & (begins_word > 0)
        labels = ids.masked_fill(~chosen, IGNORED)
        fate = torch.rand(ids.shape, generator=generator).to(ids.device)
        others = torch.randint(self.vocabulary, ids.shape, generator=generator).to(ids.device)
        masked = ids.masked_fill(chosen & (fate < 0.8), self.mask_id)
        return torch.where(chosen & (fate >= 0.9), others, masked), labels
