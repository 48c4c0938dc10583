"""Truncation, windows, added tokens and other settings against the reference."""

import itertools
import json
import random

import pytest
from tokenizer_reference import SPECIAL, assert_batch_equal, assert_equal, both, hf, load_minilm, reference

from edgebert.errors import InputError
from edgebert.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def minilm():
    return load_minilm()


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
