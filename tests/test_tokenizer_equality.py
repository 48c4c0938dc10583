"""The tokenizer against the pinned Hugging Face `tokenizers`: not one difference in ids, types, masks and offsets."""

import itertools
import random
import unicodedata
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from tokenizer_reference import SPECIAL, assert_batch_equal, assert_equal, both, hf, load_minilm, reference

from edgebert.tokenizer import Tokenizer

DATA = Path(__file__).parents[2] / "shared" / "data"
SCALARS = [cp for cp in range(0xF0000) if not 0xD800 <= cp <= 0xDFFF]  # later planes: private use, see test_tokenizer


@pytest.fixture(scope="module")
def minilm():
    return load_minilm()


@pytest.fixture(scope="module")
def every_character():
    """A vocabulary in which every assigned character is a token, so that no difference hides behind [UNK]."""
    assigned = [chr(cp) for cp in SCALARS if unicodedata.category(chr(cp)) not in ("Cn", "Co")]
    tokens = dict.fromkeys([*SPECIAL, *assigned, *("##" + character for character in assigned)])
    return {token: index for index, token in enumerate(tokens)}


@pytest.mark.parametrize(("lowercase", "strip_accents"), [(True, None), (False, None), (True, False), (False, True)])
def test_every_character(tmp_path, every_character, lowercase, strip_accents):
    theirs, ours = both(tmp_path, every_character, lowercase=lowercase, strip_accents=strip_accents)
    if lowercase and strip_accents is None:
        alone = ["".join(f" {chr(cp)}" for cp in SCALARS[i : i + 512]) for i in range(0, len(SCALARS), 512)]
        assert_batch_equal(theirs, ours, alone)
    between = ["".join(f" a{chr(cp)}B" for cp in SCALARS[i : i + 512]) for i in range(0, len(SCALARS), 512)]
    assert_batch_equal(theirs, ours, between)


@pytest.mark.parametrize("steps", list(itertools.product((True, False), repeat=4)))
def test_combining_marks(tmp_path, steps):
    names = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
    marks = [chr(cp) for cp in SCALARS if unicodedata.combining(chr(cp))]
    others = list(
        "\u00e9\u1ea5\uac01\u0344\u0f73\u0f75\u0130\u03a3\u1e9e\ufb2c\u2126\u4e2d\U0002f800 A\x85\xad\u302e\x00\ufffd"
    )
    tokens = dict.fromkeys([*SPECIAL, *marks, *others, *("##" + mark for mark in marks), "e", "##a", "##e", "i"])
    theirs, ours = both(tmp_path, {t: i for i, t in enumerate(tokens)}, **dict(zip(names, steps, strict=True)))
    rng = random.Random(7)
    pool = marks + others * 20
    texts = ["".join(rng.choices(pool, k=rng.randint(1, 12))) for _ in range(1500)]
    assert_batch_equal(theirs, ours, texts)


def corpus():
    """Lines of all texts at hand."""
    lines = []
    for path in sorted((DATA / "text").glob("*/*")):
        lines += path.read_text(encoding="utf-8").split("\n")
    return lines


@pytest.mark.skipif(not (DATA / "vocabs").is_dir(), reason="../shared/data/vocabs is missing")
@pytest.mark.parametrize(
    ("name", "lowercase", "step"),
    [
        ("bert-base-uncased", True, 1),
        ("bert-base-uncased", False, 7),
        ("bert-base-cased", False, 3),
        ("bert-base-cased", True, 7),
        ("bert-base-multilingual-cased", False, 2),
        ("bert-base-multilingual-cased", True, 7),
        ("bert-base-chinese", True, 3),
        ("bert-base-chinese", False, 7),
    ],
)
def test_corpora(name, lowercase, step):
    path = DATA / "vocabs" / name / "vocab.txt"
    theirs = reference(hf.models.WordPiece.from_file(str(path), unk_token="[UNK]"), lowercase=lowercase)
    ours = Tokenizer.from_file(path, lowercase=lowercase)
    assert ours.get_vocab() == theirs.get_vocab()
    lines = corpus()[::step]
    if "chinese" in name:
        lines += (DATA / "zh_text" / "tnews_unlabelled.txt").read_text(encoding="utf-8").split("\n")[::5]
    assert_batch_equal(theirs, ours, lines)


TRAPS = [
    "",
    " ",
    "\n\t\r ",
    "foo[MASK]bar",
    "[CLS][CLS]",
    "hello [sep] x [SEP]",
    "[unused0] ##ing [PAD]",
    "a\x0bb a\x85b a\u2028b a\u200bb",
    "한국 ガ x\ufe0fy a\u20e3",
    "ΟΔΟΣ İstanbul STRAẞE",
    "é e\u0301\u0323 ẹ\u0301x \u0301x",
    "\u4dbf\u4e00\U0002b81f\U0002b820\U0002b91f\U0002b920",
    "€5 $5 £5",
    "x" * 100 + " " + "x" * 101 + " " + "é" * 100 + " " + "é" * 101,
    "🫠🙂‍↔️ 👩‍🚀",
    "don't stop-believing, e.g. at 3.14%",
    "UPPER lower MiXeD ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefgh abcdefghi abcdefghijklmno abcdefghijklmnop",
    "Straße\tnaïve\x00café\ufffdfin",
    "word" * 400,
    "a" * 7 + "É" + "b" * 7 + "\x7f" + "c" * 20,
]


def test_traps_alone(minilm):
    theirs, ours = minilm
    for text in TRAPS:
        assert_equal(theirs.encode(text), ours.encode(text))
        want, have = (t.encode(text, add_special_tokens=False) for t in (theirs, ours))
        assert_equal(want, have)
    assert_batch_equal(theirs, ours, TRAPS)
    assert_batch_equal(theirs, ours, TRAPS, TRAPS[::-1])


ALPHABET = st.one_of(
    st.characters(exclude_categories=("Cs",)),
    st.sampled_from(
        [*"aA1 .,[]#'\n\t\x00\u0301\u0323中한é", "[MASK]", "[SEP]", "the", "ing"],
    ),
)
TEXT = st.lists(ALPHABET, max_size=40).map("".join)


@hypothesis.settings(
    max_examples=300, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(first=TEXT, second=st.none() | TEXT)
def test_any_text(minilm, first, second):
    theirs, ours = minilm
    assert_equal(theirs.encode(first, second), ours.encode(first, second))


def test_long_texts(minilm):
    theirs, ours = minilm
    texts = ["the naïve fox 中文 " * 30_000, "中" * 200_000, "x" * 600_000, "é" * 300_000, "a\u0301\u0323" * 50_000]
    assert_batch_equal(theirs, ours, texts)
