"""What callers of the tokenizer see: arrays, windows, errors, threads."""

import threading

import numpy as np
import pytest

from edgebert.errors import InputError
from edgebert.tokenizer import Tokenizer

TOKENS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefgh",
    *("##" + letter for letter in "abcdefgh"),
    "light",
    ".",
]
PAD, UNK, CLS, SEP, MASK = range(5)
A = TOKENS.index("a")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_text("\n".join(TOKENS), encoding="utf-8")
    return Tokenizer.from_file(path)


def test_properties(tokenizer):
    assert tokenizer.vocab_size == len(TOKENS)
    assert tokenizer.lowercase is True
    ids = (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id)
    assert ids == (PAD, UNK, CLS, SEP, MASK)
    assert tokenizer.get_vocab() == {token: index for index, token in enumerate(TOKENS)}
    assert tokenizer.token_to_id("light") == TOKENS.index("light")
    assert tokenizer.token_to_id("dark") is None
    assert tokenizer.id_to_token(A) == "a"
    assert tokenizer.id_to_token(np.int32(A)) == "a"
    for index in (-1, len(TOKENS), 1 << 40, 1 << 100):
        with pytest.raises(InputError, match="no token has the id"):
            tokenizer.id_to_token(index)
    with pytest.raises(InputError, match="id is 'a'"):
        tokenizer.id_to_token("a")
    with pytest.raises(InputError, match="token is of type int"):
        tokenizer.token_to_id(5)


def test_one_text(tokenizer):
    encoding = tokenizer.encode("Light ab [MASK].")
    assert encoding.tokens == ["[CLS]", "light", "a", "##b", "[MASK]", ".", "[SEP]"]
    assert encoding.ids == [tokenizer.token_to_id(token) for token in encoding.tokens]
    assert encoding.offsets == [(0, 0), (0, 5), (6, 7), (7, 8), (9, 15), (15, 16), (0, 0)]
    assert encoding.word_ids == [None, 0, 1, 1, 2, 3, None]
    assert encoding.sequence_ids == [None, 0, 0, 0, 0, 0, None]
    assert encoding.type_ids == [0] * 7
    assert encoding.attention_mask == [1] * 7
    assert encoding.special_tokens_mask == [1, 0, 0, 0, 0, 0, 1]
    assert len(encoding) == 7
    assert not encoding.truncated
    assert encoding.overflowing == []


def test_an_answer_outlives_its_tokenizer(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(TOKENS), encoding="utf-8")
    encoding = Tokenizer.from_file(path).encode("éa light", max_length=4)
    assert encoding.offsets == [(0, 0), (0, 1), (1, 2), (0, 0)]


def test_batch_arrays(tokenizer):
    batch = tokenizer.encode_batch(["a b", "", "light"], offsets=True)
    assert len(batch) == 3
    assert batch.input_ids.dtype == np.int32 and batch.row_starts.dtype == np.int64
    assert batch.row_starts.tolist() == [0, 4, 6, 9]
    assert [row.tolist() for row in batch] == [[CLS, A, A + 1, SEP], [CLS, SEP], [CLS, TOKENS.index("light"), SEP]]
    assert batch.row_text.tolist() == [0, 1, 2]
    assert batch.truncated.dtype == np.bool_ and not batch.truncated.any()
    assert batch.offsets.tolist()[:4] == [[0, 0], [0, 1], [2, 3], [0, 0]]
    assert batch.special_tokens_mask.tolist() == [1, 0, 0, 1, 1, 1, 1, 0, 1]
    assert np.shares_memory(batch[0], batch.input_ids)
    assert batch[-1].tolist() == batch[2].tolist()
    with pytest.raises(IndexError):
        batch[3]
    assert tokenizer.encode_batch(["a"]).offsets is None


def test_empty_batch(tokenizer):
    batch = tokenizer.encode_batch([], offsets=True, threads=3)
    assert len(batch) == 0 and batch.input_ids.size == 0 and batch.offsets.shape == (0, 2)
    assert [array.shape for array in batch.padded()] == [(0, 0)] * 3


def test_padding(tokenizer):
    batch = tokenizer.encode_batch(["a b c", "a"], ["a", "b c"])
    ids, mask, types = batch.padded()
    assert ids.shape == mask.shape == types.shape == (2, 7)
    assert ids.dtype == mask.dtype == types.dtype == np.int32
    assert ids[1].tolist() == [CLS, A, SEP, A + 1, A + 2, SEP, PAD]
    assert mask[1].tolist() == [1, 1, 1, 1, 1, 1, 0]
    assert types[1].tolist() == [0, 0, 0, 1, 1, 1, 0]
    ids, mask, _ = batch.padded([1, 1, 0], pad_to_multiple_of=8)
    assert ids.shape == (3, 8) and mask.sum(axis=1).tolist() == [6, 6, 7]
    with pytest.raises(InputError, match="rows go from"):
        batch.padded([2])
    with pytest.raises(InputError, match="pad_to_multiple_of is 0"):
        batch.padded(pad_to_multiple_of=0)


def test_cut_texts_are_reported(tokenizer):
    batch = tokenizer.encode_batch(["a b c d e f", "a"], max_length=5)
    assert batch.truncated.tolist() == [True, False]
    assert batch[0].tolist() == [CLS, A, A + 1, A + 2, SEP]
    left = tokenizer.encode_batch(["a b c d e f"], max_length=4, truncation_side="left")
    assert left[0].tolist() == [CLS, A + 4, A + 5, SEP]
    assert tokenizer.encode("a b", max_length=2).ids == [CLS, SEP]


def test_windows_become_rows(tokenizer):
    batch = tokenizer.encode_batch(["a", "a b c d e", "b"], max_length=5, stride=1)
    assert batch.row_text.tolist() == [0, 1, 1, 2]
    assert batch[1].tolist() == [CLS, A, A + 1, A + 2, SEP]
    assert batch[2].tolist() == [CLS, A + 2, A + 3, A + 4, SEP]
    assert batch.truncated.tolist() == [False, True, True, False]


def test_special_tokens_can_be_left_out(tokenizer):
    assert tokenizer.encode("a b", add_special_tokens=False).ids == [A, A + 1]
    batch = tokenizer.encode_batch(["a b"], ["c"], add_special_tokens=False)
    assert batch[0].tolist() == [A, A + 1, A + 2]
    assert batch.type_ids.tolist() == [0, 0, 1]


LONE = "light \ud800"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": "light"}, "texts is one str"),
        ({"texts": ["a"], "pairs": "b"}, "pairs is one str"),
        ({"texts": b"light"}, "texts is one bytes"),
        ({"texts": 5}, "texts is of type int"),
        ({"texts": None}, "texts is of type NoneType"),
        ({"texts": ["a", 7]}, r"texts\[1\] is of type int"),
        ({"texts": ["a", None]}, r"texts\[1\] is of type NoneType"),
        ({"texts": ["a"], "pairs": [b"b"]}, r"pairs\[0\] is of type bytes"),
        ({"texts": ["a"], "pairs": ["a", "b"]}, "1 texts but 2 pairs"),
        ({"texts": ["a", LONE]}, r"texts\[1\] holds a lone surrogate"),
        ({"texts": ["a"], "max_length": 1}, "max_length is 1, but the special tokens alone take 2"),
        ({"texts": ["a"], "pairs": ["b"], "max_length": 2}, "special tokens alone take 3"),
        ({"texts": ["a"], "max_length": -1}, "max_length is -1"),
        ({"texts": ["a"], "max_length": -(1 << 63)}, "max_length is -"),
        ({"texts": ["a"], "max_length": "4"}, "max_length is '4'"),
        ({"texts": ["a"], "max_length": 1 << 70}, "max_length"),
        ({"texts": ["a"], "stride": 2}, "stride is 2 without max_length"),
        ({"texts": ["a"], "stride": -2, "max_length": 8}, "stride is -2"),
        ({"texts": ["a"], "stride": 6, "max_length": 8}, "stride is 6, but max_length 8 leaves room for 6"),
        ({"texts": ["a"], "stride": 1.5, "max_length": 8}, "stride is 1.5"),
        ({"texts": ["a"], "truncation": "longest"}, "truncation is 'longest'"),
        ({"texts": ["a"], "truncation": "only_second", "max_length": 8}, "there is no second text"),
        ({"texts": ["a"], "truncation_side": "top"}, "truncation_side is 'top'"),
        ({"texts": ["a"], "add_special_tokens": "yes"}, "add_special_tokens is 'yes'"),
        ({"texts": ["a"], "threads": 0}, "threads is 0"),
        ({"texts": ["a"], "threads": 10**6}, "threads is 1000000"),
        ({"texts": ["a"], "threads": "2"}, "threads is '2'"),
        (
            {"texts": ["a", "a"], "pairs": ["b", "a b c"], "truncation": "only_first", "max_length": 5},
            r"texts\[1\]: trunc",
        ),
    ],
)
def test_bad_arguments_of_a_batch(tokenizer, arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        tokenizer.encode_batch(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": 5}, "text is of type int"),
        ({"text": None}, "text is of type NoneType"),
        ({"text": ["a"]}, "text is of type list"),
        ({"text": "a", "pair": 3}, "pair is of type int"),
        ({"text": LONE}, "text holds a lone surrogate"),
        ({"text": "a", "pair": LONE}, "pair holds a lone surrogate"),
        ({"text": "a", "max_length": 0}, "max_length is 0"),
        ({"text": "a", "max_length": 2.5}, "max_length is 2.5"),
        ({"text": "a", "truncation": None}, "truncation is None"),
        ({"text": "a", "truncation": []}, r"truncation is \[\]"),
        ({"text": "a", "truncation_side": 1}, "truncation_side is 1"),
    ],
)
def test_bad_arguments_of_one_text(tokenizer, arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        tokenizer.encode(**arguments)
    assert "\n" not in str(caught.value)


def test_errors_inside_an_iterable_pass_through(tokenizer):
    def texts():
        yield "a"
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="the source failed"):
        tokenizer.encode_batch(texts())
    assert len(tokenizer.encode_batch(text for text in ["a", "b"])) == 2


def test_private_planes_are_removed(tokenizer):
    assert tokenizer.encode("a\U000f0000\U0010fffdb\U00100000").tokens == ["[CLS]", "a", "##b", "[SEP]"]
    assert tokenizer.encode("\U000fffff \U0010fffe").ids == [CLS, UNK, UNK, SEP]


def test_threads_change_nothing(tokenizer):
    rng = np.random.default_rng(4)
    texts = ["".join(rng.choice(list("abcdefgh  .é中"), size=rng.integers(0, 60))) for _ in range(500)]
    for stride in (0, 3):
        want = tokenizer.encode_batch(texts, texts[::-1], max_length=40, stride=stride, offsets=True)
        for threads in (2, 3, 7, 64):
            have = tokenizer.encode_batch(
                texts, texts[::-1], max_length=40, stride=stride, offsets=True, threads=threads
            )
            for name in ("input_ids", "row_starts", "row_text", "truncated", "offsets", "type_ids"):
                assert np.array_equal(getattr(want, name), getattr(have, name)), name
    with pytest.raises(InputError, match=r"texts\[333\]"):
        tokenizer.encode_batch([*("a" * i for i in range(333)), LONE, LONE], threads=4)


def test_many_threads_share_one_tokenizer(tokenizer):
    texts = [f"{'ab ' * (i % 50)}light é" for i in range(200)]
    want = [tokenizer.encode(text).ids for text in texts]
    wrong = []

    def work():
        for _ in range(10):
            if [tokenizer.encode(text).ids for text in texts] != want:
                wrong.append("encode")
            if [row.tolist() for row in tokenizer.encode_batch(texts)] != want:
                wrong.append("encode_batch")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_texts_may_change_while_they_are_read(tokenizer):
    texts = ["light " * 2000 for _ in range(50)]
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            texts[:] = ["light " * 2000 + str(len(texts)) for _ in range(50)]

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(20):
            assert len(tokenizer.encode_batch(texts)) == 50
    finally:
        stop.set()
        thread.join()
