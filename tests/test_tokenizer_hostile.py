"""Compiled tokenizer files that are cut, damaged or that lie."""

import random

import pytest

from edgebert.errors import TokenizerError
from edgebert.tokenizer import Tokenizer
from edgebert.tokenizer_file import FLAGS, OUTSIDE_MODEL, Normalization, Vocabulary, compile_vocabulary

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "light", "on", "##on", "é", "##e", "Light", "."]
TEXT = "Light on [MASK] éon. 中 onon\x00"


@pytest.fixture(scope="module")
def compiled():
    ids = {token: index for index, token in enumerate([*TOKENS, "<new>"])}
    added = (*((token, FLAGS["special"]) for token in TOKENS[:5]),)
    added += (("<new>", FLAGS["normalized"] | FLAGS["lstrip"] | OUTSIDE_MODEL),)
    return compile_vocabulary(Vocabulary("a test", ids, added, Normalization()))


def use(path):
    """Load a hostile file and use everything; either a TokenizerError or some answer, never a crash."""
    try:
        tokenizer = Tokenizer.from_file(path)
    except TokenizerError as error:
        assert "\n" not in str(error)
        return False
    encoding = tokenizer.encode(TEXT * 3 + "<new>  <NEW>", TEXT, max_length=12, stride=1)
    assert len(encoding.tokens) == len(encoding.offsets) == len(encoding.ids)
    tokenizer.encode_batch([TEXT], offsets=True).padded()
    tokenizer.get_vocab()
    tokenizer.token_to_id("light")
    return True


def test_cut_files(tmp_path, compiled):
    path = tmp_path / "tokenizer.edgebert"
    for size in [*range(64), *range(64, len(compiled), 97), len(compiled) - 1]:
        path.write_bytes(compiled[:size])
        with pytest.raises(TokenizerError) as caught:
            Tokenizer.from_file(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(compiled)
    assert use(path)


def test_changed_bytes(tmp_path, compiled):
    path, rng = tmp_path / "tokenizer.edgebert", random.Random(2)
    loaded = 0
    for _ in range(3000):
        content = bytearray(compiled)
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            content[rng.randrange(len(content))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        path.write_bytes(content)
        loaded += use(path)
    assert 0 < loaded < 3000


def rewritten(compiled, old, new):
    """The file with its header changed and the header's length set right."""
    length = int.from_bytes(compiled[:8], "little")
    header = compiled[8 : 8 + length]
    assert old in header
    changed = header.replace(old, new, 1)
    changed = changed.ljust(len(changed) + -len(changed) % 8)
    return len(changed).to_bytes(8, "little") + changed + compiled[8 + length :]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"tokenizer.format":"1"', b'"tokenizer.format":"2"'),
        (b"bert-wordpiece", b"byte-level-bpe"),
        (b'"tokenizer.unk":"1"', b'"tokenizer.unk":"9"9'),
        (b'"tokenizer.unk":"1"', b'"tokenizer.unk":"-"'),
        (b'"tokenizer.unk":"1"', b'"tokenizer.unk":""'),
        (b'"tokenizer.single":"2:0 A:0 3:0"', b'"tokenizer.single":"2:0 A:0 A:0"'),
        (b'"tokenizer.single":"2:0 A:0 3:0"', b'"tokenizer.single":"2:0 A:0 99:0"'),
        (b'"tokenizer.lowercase":"true"', b'"tokenizer.lowercase":"yes"'),
        (b'"tokenizer.max_word_chars":"100"', b'"tokenizer.max_word_chars":"1e9"'),
        (b'"tokenizer.trie"', b'"tokenizer.tree"'),
        (b'"dtype":"U32"', b'"dtype":"F32"'),
        (b'"dtype":"U32"', b'"dtype":"X32"'),
        (b'"data_offsets":[0,', b'"data_offsets":[9,'),
        (b'"shape":[', b'"shape":[9'),
        (b'"__metadata__"', b'"__metadate__"'),
    ],
)
def test_headers_that_lie(tmp_path, compiled, old, new):
    path = tmp_path / "tokenizer.edgebert"
    path.write_bytes(rewritten(compiled, old, new))
    with pytest.raises(TokenizerError):
        Tokenizer.from_file(path)


def test_other_safetensors_are_refused(tmp_path):
    header = b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    with pytest.raises(TokenizerError, match=r"tokenizer\.vocab_kinds is missing"):
        Tokenizer.from_file(path)
    path.write_bytes((1 << 60).to_bytes(8, "little") + header)
    with pytest.raises(TokenizerError):
        Tokenizer.from_file(path)
