"""The lower end of a comparison: the mean of word vectors, without an encoder.

The vectors are the teacher's table of word embeddings. A text's vector is the mean over its tokens; a label comes from
a logistic regression on it. As a session it runs inside the same `Encoder` or `Classifier` as a bundle.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from edgebert.bench.workload import draw
from edgebert.bundle import TOKENIZER, Bundle
from edgebert.engines import Floats, Ids
from edgebert.export.compare.logistic import Linear, fit_logistic
from edgebert.export.embedding import quantize_rows
from edgebert.export.train.store import Features
from edgebert.export.train.tasks.classify import Classify
from edgebert.loader import make_task
from edgebert.manifest import EmbedHead
from edgebert.models import Model
from edgebert.tokenizer import Tokenizer

Words = npt.NDArray[np.bool_]  # by token, whether it is a word: [CLS] and [SEP] are in every text and say nothing

_MOST = 1 << 15  # training texts that the classifier learns from; more are drawn from


@dataclasses.dataclass(frozen=True)
class WordVectors:
    """A vector for each token: float32 [tokens, width], or int8 with a scale for each, float32 [tokens, 1]."""

    rows: Floats | npt.NDArray[np.int8]
    scales: Floats | None = None

    def of(self, ids: Ids) -> Floats:
        """Return the vectors of some tokens, float32 [..., width]."""
        found = self.rows[ids].astype(np.float32)
        return found if self.scales is None else found * self.scales[ids]

    @property
    def bytes(self) -> int:
        """Size of the table."""
        return self.rows.nbytes + (0 if self.scales is None else self.scales.nbytes)

    def quantized(self) -> "WordVectors":
        """Return the same vectors in INT8."""
        return WordVectors(*quantize_rows(np.asarray(self.rows, np.float32)))


def words_of(tokenizer: Tokenizer, tokens: int) -> Words:
    """Return which of a model's tokens are words, bool [tokens]."""
    words = np.ones(tokens, np.bool_)
    words[tokenizer.encode("").ids] = False
    return words


def feature(vectors: WordVectors, words: Words, ids: Ids, types: Ids, pairs: bool) -> Floats:
    """Return what a classifier sees of a text: the mean of its vectors, zeros where it has no word.

    Of a pair of texts it is both means and how far they are apart in each number, as N. Reimers and I. Gurevych have it
    for two vectors (Sentence-BERT, arXiv 1908.10084).

    Args:
        vectors: of the tokens.
        words: which tokens are words.
        ids: of the text, int32 [tokens].
        types: 0 for the first text and 1 for the second, [tokens].
        pairs: whether there are two texts.
    """
    chosen = words[ids]
    if not pairs:
        return _mean(vectors.of(ids[chosen]))
    first, second = (_mean(vectors.of(ids[chosen & (types == kind)])) for kind in (0, 1))
    return np.concatenate([first, second, np.abs(first - second)])


def _mean(rows: Floats) -> Floats:
    mean: Floats = np.add.reduce(rows, axis=0) / np.float32(max(1, len(rows)))
    return mean


@dataclasses.dataclass(frozen=True)
class Labels:
    """A classifier of mean vectors, and whether it reads pairs of texts."""

    linear: Linear
    pairs: bool


def learn_labels(vectors: WordVectors, words: Words, examples: Iterable[Features], task: Classify) -> Labels:
    """Fit a classifier to examples as a classification task encodes them."""
    kept, _ = draw(examples, _MOST)
    pairs = any(bool(each["token_type_ids"].any()) for each in kept)
    features = [feature(vectors, words, each["input_ids"], each["token_type_ids"], pairs) for each in kept]
    targets = np.stack([each["label"] for each in kept])
    linear = fit_logistic(np.stack(features), targets if task.several else targets[:, 0], len(task.labels))
    return Labels(linear, pairs)


class StaticSession:
    """Runs token ids through a table of vectors, see `edgebert.engines.Session`."""

    engine = "numpy"

    def __init__(self, vectors: WordVectors, words: Words, labels: Labels | None) -> None:
        """Join a table and, for "classify", its classifier."""
        self._vectors, self._words, self._labels = vectors, words, labels

    def run(self, input_ids: Ids, attention_mask: Ids, token_type_ids: Ids | None = None) -> Floats:
        """Return the vector of each token, zeros where it is no word, or the logits of each row."""
        if self._labels is None:
            kept = self._words[input_ids] & (attention_mask > 0)
            return self._vectors.of(input_ids) * kept[:, :, None].astype(np.float32)
        types = np.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        return np.stack([self._logits(*row) for row in zip(input_ids, attention_mask, types, strict=True)])

    def _logits(self, ids: Ids, mask: Ids, types: Ids) -> Floats:
        assert self._labels is not None
        length = int(mask.sum())
        linear = self._labels.linear
        seen = feature(self._vectors, self._words, ids[:length], types[:length], self._labels.pairs)
        logits: Floats = seen @ linear.weight + linear.bias
        return logits


def static_model(teacher: Bundle, vectors: WordVectors, labels: Labels | None, threads: int) -> Model:
    """Return a model that answers as a bundle of the teacher's task does.

    For "embed" the vector of a text is a mean, whatever the teacher's pooling; its length does not matter for a cosine.
    """
    words = words_of(Tokenizer.from_file(teacher.file(TOKENIZER)), len(vectors.rows))
    manifest = teacher.manifest
    if labels is None:
        manifest = dataclasses.replace(manifest, head=EmbedHead("mean", True))
    session = StaticSession(vectors, words, labels)
    return make_task(dataclasses.replace(teacher, manifest=manifest), session, threads)


def static_bytes(teacher: Bundle, vectors: WordVectors, labels: Labels | None) -> int:
    """Return the size of a model: table, classifier and tokenizer, as a file of the native engine holds them."""
    arrays: Sequence[Floats] = () if labels is None else (labels.linear.weight, labels.linear.bias)
    return vectors.bytes + sum(each.nbytes for each in arrays) + teacher.manifest.files[TOKENIZER].bytes
