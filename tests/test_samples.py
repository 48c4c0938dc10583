"""Samples are distinct, have the lengths of the stream, do not depend on its order, and cost little memory."""

import dataclasses
import json
import random
import tracemalloc
from collections import Counter

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgebert.calibration import BUILTIN, Sample, check_lengths, draw_texts, evenly, open_source, samples
from edgebert.calibration.samples import samples_sha256
from edgebert.errors import InputError


def draw(texts, *arguments, **more):
    return draw_texts("texts", texts, *arguments, **more)


def sample(*ids, types=None):
    return Sample(np.array([ids], np.int32), np.array([types or [0] * len(ids)], np.int32))


def texts_of_lengths(lengths):
    return [f"{number:x}-".ljust(length, "x")[: max(length, 6)] for number, length in enumerate(lengths)]


TEXT = st.text("ab", max_size=6)


@settings(deadline=None)
@given(st.lists(TEXT | st.tuples(TEXT, TEXT), min_size=1), st.integers(1, 8), st.integers(0, 4), st.data())
def test_what_is_drawn_depends_on_the_set_of_texts_alone(texts, count, held_out, data):
    usable = set(texts) - {"", ("", "")}
    assume(usable)
    found = draw(texts, count, held_out)
    shuffled = data.draw(st.permutations(texts + texts[:2]))
    again = draw(shuffled, count, held_out)
    assert (found.chosen, found.held_out) == (again.chosen, again.held_out)
    assert (found.read, again.read) == (len(texts), len(shuffled))
    drawn = found.chosen + found.held_out
    assert len(set(drawn)) == len(drawn) and set(drawn) <= usable
    assert 1 <= len(found.chosen) <= count and len(found.held_out) <= held_out
    if len(usable) <= count:
        assert set(drawn) == usable
    elif len(usable) >= count + held_out:
        assert (len(found.chosen), len(found.held_out)) == (count, held_out)


def test_every_text_has_the_same_chance():
    counts = Counter(text for seed in range(3000) for text in draw([f"{at:02}" for at in range(30)], 6, 0, seed).chosen)
    # 600 times each in the mean, with a standard deviation of 22
    assert len(counts) == 30 and all(abs(count - 600) < 5 * 22 for count in counts.values())


@pytest.mark.parametrize("seed", range(3))
def test_lengths_are_those_of_the_stream(seed):
    generator = np.random.default_rng(seed)
    # mostly short, with one long text in fifty
    lengths = np.where(generator.random(20_000) < 0.02, 400, generator.integers(6, 40, 20_000))
    found = draw(texts_of_lengths(lengths), 256, 64, seed=seed)
    assert (len(found.chosen), len(found.held_out)) == (256, 64)
    for texts, few, many in ((found.chosen, 4, 7), (found.held_out, 0, 3)):
        drawn = np.array([len(text) for text in texts])
        for share in (0.1, 0.25, 0.5, 0.75, 0.9):
            assert abs(np.quantile(drawn, share) - np.quantile(lengths, share)) <= 2
        # 5.1 and 1.3 are expected; without strata the standard deviation of the first would be 2.2
        assert few <= (drawn > 300).sum() <= many
        assert (np.diff(drawn) >= 0).all()


def test_another_seed_draws_other_texts():
    texts = texts_of_lengths(range(6, 5000))
    assert draw(texts, 8, 2) == draw(texts, 8, 2)
    assert set(draw(texts, 8, 2).chosen).isdisjoint(draw(texts, 8, 2, seed=1).chosen)


@settings(deadline=None)
@given(st.lists(st.integers()), st.integers(0, 50))
def test_some_of_the_items_evenly(items, count):
    found = evenly(items, count)
    assert len(found) == min(count, len(items)) and (count < len(items) or found == items)
    places = evenly(range(len(items)), count)
    assert [items[place] for place in places] == found
    total, kept = len(items), len(places)  # each item holds the middle of its stretch, (at + 1/2) * total / kept
    assert all(2 * place * kept <= (2 * at + 1) * total < 2 * (place + 1) * kept for at, place in enumerate(places))


@pytest.mark.parametrize(("held_out", "few"), [(64, 20), (256, 50)])
def test_of_few_texts_the_same_share_is_held_out(held_out, few):
    found = draw([f"text {at}" for at in range(100)], 256, held_out)
    assert (len(found.chosen), len(found.held_out)) == (100 - few, few)


def test_the_hash_tells_types_and_borders_apart():
    plain = samples_sha256([sample(1, 2, 3, 4), sample(1, 5, 6, 7, 8)])
    assert plain == samples_sha256(iter([sample(1, 2, 3, 4), sample(1, 5, 6, 7, 8)]))
    assert plain != samples_sha256([sample(1, 2, 3, 4, types=[0, 0, 0, 1]), sample(1, 5, 6, 7, 8)])
    assert plain != samples_sha256([sample(1, 2, 3, 4, 1), sample(5, 6, 7, 8)])


def test_a_hundred_thousand_long_texts_in_one_pass_and_little_memory():
    stream = (f"{number} " + "word " * 400 for number in range(100_000))
    tracemalloc.start()
    found = draw(stream, 32, 8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.read, len(found.chosen)) == (100_000, 32)
    assert peak < 20e6  # the texts have 200 MB


def test_whole_books_are_held_within_a_bound_and_the_draw_keeps_its_promise(monkeypatch):
    monkeypatch.setattr(samples, "_POOL_CHARACTERS", 5000)
    books = [f"{at} ".ljust(length, "x") for at, length in enumerate([10, 900, 2000, 30, 700, 4000, 6000, 50] * 3)]
    found = draw(books, 4, 2)
    assert sum(map(len, found.chosen + found.held_out)) <= 5000
    for seed in range(5):
        shuffled = random.Random(seed).sample(books, len(books))
        assert draw(shuffled, 4, 2) == dataclasses.replace(found, read=len(books))
    assert draw(["y" * 9000], 4, 2).chosen == ("y" * 9000,)


@pytest.mark.parametrize("texts", [[], ["", ("", "")]])
def test_texts_that_cannot_serve(texts):
    with pytest.raises(InputError, match="texts holds no text that is not empty: give at least one"):
        draw(texts)


def test_samples_of_one_token_cannot_serve():
    with pytest.raises(InputError, match=r"the 2 different texts of a\.txt have one token at most: give whole texts"):
        check_lengths("a.txt", [sample(2, 9, 3), sample(2, 3)])
    check_lengths("a.txt", [sample(2, 9, 3), sample(2, 9, 9, 3)])


def test_one_text_is_chosen_and_none_held_out():
    found = draw(["on"])
    assert (found.chosen, found.held_out) == (("on",), ())


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
