"""Samples are distinct, have the lengths of the stream, do not depend on its order, and cost little memory."""

import json
import tracemalloc

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.calibration import BUILTIN, Sample, draw_samples, open_source
from edgebert.errors import InputError


def tokenize(text):
    """A token a letter, between [CLS] and [SEP]; cut at 512."""
    ids = [2, *(10 + ord(letter) % 97 for letter in text), 3][:512]
    return Sample(np.array([ids], np.int32), np.zeros((1, len(ids)), np.int32))


def draw(texts, *arguments, **settings):
    return draw_samples("texts", texts, tokenize, *arguments, **settings)


def texts_of_lengths(lengths):
    return [f"{number:x}-".ljust(length, "x")[: max(length, 6)] for number, length in enumerate(lengths)]


@given(st.lists(st.text("ab", min_size=2, max_size=6), min_size=1), st.integers(1, 8), st.integers(0, 4), st.data())
def test_what_is_drawn_depends_on_the_set_of_texts_alone(texts, count, held_out, data):
    found = draw(texts, count, held_out)
    shuffled = data.draw(st.permutations(texts + texts[:2]))
    again = draw(shuffled, count, held_out)
    ids = [sample.input_ids.tolist() for sample in found.measured]
    assert ids == [sample.input_ids.tolist() for sample in again.measured]
    assert found.sha256 == again.sha256
    assert (found.read, again.read) == (len(texts), len(shuffled))
    others = [sample.input_ids.tolist() for sample in found.held_out]
    everything = [str(each) for each in ids + others]
    assert len(set(everything)) == len(everything)
    assert set(everything) <= {str(tokenize(text).input_ids.tolist()) for text in texts}
    if len(set(texts)) <= count:
        assert len(everything) == len(set(texts))


@pytest.mark.parametrize("seed", range(3))
def test_lengths_are_those_of_the_stream(seed):
    generator = np.random.default_rng(seed)
    # mostly short, with one long text in fifty
    lengths = np.where(generator.random(20_000) < 0.02, 400, generator.integers(6, 40, 20_000))
    found = draw(texts_of_lengths(lengths), 256, 64, seed=seed)
    drawn = np.array([sample.tokens - 2 for sample in found.measured])
    assert (len(drawn), len(found.held_out)) == (256, 64)
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert abs(np.quantile(drawn, share) - np.quantile(lengths, share)) <= 2
    # 5.1 are expected; without strata the standard deviation would be 2.2
    assert 4 <= (drawn > 300).sum() <= 7


def test_another_seed_draws_other_texts():
    texts = texts_of_lengths(range(6, 5000))
    assert draw(texts, 8, 2).sha256 == draw(texts, 8, 2).sha256
    assert draw(texts, 8, 2).sha256 != draw(texts, 8, 2, seed=1).sha256


def test_the_hash_tells_types_and_borders_apart():
    def hashed(*rows):
        samples = [Sample(np.array([ids], np.int32), np.array([types], np.int32)) for ids, types in rows]
        return draw_samples(
            "texts", [str(n) for n in range(len(samples))], lambda text: samples[int(text)], 9, 0
        ).sha256

    plain = hashed(([1, 2, 3, 4], [0, 0, 0, 0]), ([1, 5, 6, 7, 8], [0, 0, 0, 0, 0]))
    assert plain != hashed(([1, 2, 3, 4], [0, 0, 0, 1]), ([1, 5, 6, 7, 8], [0, 0, 0, 0, 0]))


def test_a_hundred_thousand_long_texts_in_one_pass_and_little_memory():
    stream = (f"{number} " + "word " * 400 for number in range(100_000))
    tracemalloc.start()
    found = draw(stream, 32, 8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.read, len(found.measured)) == (100_000, 32)
    assert peak < 20e6  # the texts have 200 MB


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "texts holds no text that is not empty: give at least one"),
        (["", ("", "")], "texts holds no text that is not empty"),
        (["a", "b", "a"], "the 2 different texts of texts have one token at most: give whole texts"),
    ],
)
def test_texts_that_cannot_serve(texts, message):
    with pytest.raises(InputError, match=message):
        draw(texts)


def test_one_text_is_measured_and_none_held_out():
    found = draw(["on"])
    assert (len(found.measured), len(found.held_out)) == (1, 0)


ROWS = [{"text": "one", "said": "two", "label": 1}, {"text": "three", "said": "four", "label": 2}]


def write(folder, kind):
    path = folder / f"texts.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
        return path
    join = {"csv": ",", "tsv": "\t"}.get(kind)
    header = [] if join is None else [join.join(ROWS[0])]
    line = json.dumps if join is None else lambda row: join.join(map(str, row.values()))
    path.write_text("\n".join([*header, *(line(row) for row in ROWS)]))
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_kind_of_file(tmp_path, kind):
    path = write(tmp_path, kind)
    name, texts = open_source(path)
    assert (name, list(texts)) == (f"texts.{kind}", ["one", "three"])
    assert list(open_source(str(path), "said")[1]) == ["two", "four"]
    with pytest.raises(InputError, match=rf"texts\.{kind}:\d: there is no column 'words', only 'text', 'said'"):
        list(open_source(path, "words")[1])


def test_lines_of_text_and_the_builtin_texts(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    assert list(open_source(tmp_path / "a.txt")[1]) == ["one", "two"]
    name, texts = open_source(BUILTIN)
    assert (name, len(list(texts))) == ("built-in", 400)


def test_an_iterable_of_python():
    rows = ["one", ("two", "three"), {"text_a": "four", "text_b": "five"}, {"text": "six"}]
    assert list(open_source(rows)[1]) == ["one", ("two", "three"), ("four", "five"), "six"]
    assert list(open_source(iter([{"said": "one"}]), "said")[1]) == ["one"]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["one", 2], "text 2 of the iterable is a int: give texts"),
        ([b"one"], "text 1 of the iterable is a bytes"),
        ([("a", "b", "c")], "text 1 of the iterable is a tuple"),
        ([{"words": "a"}], "text 1 of the iterable: there is no column 'text', only 'words'"),
    ],
)
def test_an_iterable_that_holds_something_else(items, message):
    with pytest.raises(InputError, match=message):
        list(open_source(items)[1])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, r"cannot read .*none\.txt: No such file"),
        ("a.parquet", b"", r"a\.parquet:1: not a valid parquet file"),
        ("a.parquet", b"PAR1" * 9, r"a\.parquet:1: not a valid parquet file"),
        ("a.jsonl", b"{", r"a\.jsonl:1: not valid JSON"),
        ("a.csv", b"text\n\xff\n", r"a\.csv:2: byte 1 of the line is not UTF-8"),
        ("a.xlsx", b"", r"a\.xlsx ends with \.xlsx"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        list(open_source(tmp_path / name)[1])
    assert "\n" not in str(caught.value)
