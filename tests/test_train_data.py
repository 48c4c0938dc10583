"""Training data: every format is read, and what is wrong with a row is said in one line with its place."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import save_encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.errors import InputError
from edgebert.export.checkpoint import load_tokenizer
from edgebert.export.train.batches import bucketed, collate, in_order, share
from edgebert.export.train.sources import training_rows
from edgebert.export.train.store import Store, write_store
from edgebert.export.train.tasks.answer import Answer, question_of
from edgebert.export.train.tasks.classify import Classify
from edgebert.export.train.tasks.embed import Embed
from edgebert.export.train.tasks.tag import Tag

CONLL = "-DOCSTART- O\n\nI PRP O\nsaw VBD O\nAda NNP B-PER\nLovelace NNP I-PER\n\n\nhi UH O\n"
SQUAD = {"data": [{"paragraphs": [{"context": "On the 💡 light.", "qas": [
    {"id": "1", "question": "What?", "answers": [{"text": "light", "answer_start": 9}]},
    {"id": "2", "question": "Who?", "answers": []},
]}]}]}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return load_tokenizer(save_encoder(tmp_path_factory.mktemp("t") / "tiny"))


def rows_of(path: Path, text: str, columns=None):
    path.write_text(text, encoding="utf-8")
    return training_rows(str(path), columns or {})


def test_conll(tmp_path):
    rows = list(rows_of(tmp_path / "a.conll", CONLL))
    assert [row.values["tokens"] for row in rows] == [["I", "saw", "Ada", "Lovelace"], ["hi"]]
    assert rows[0].values["tags"] == ["O", "O", "B-PER", "I-PER"]
    assert [row.where for row in rows] == [f"{tmp_path}/a.conll:3", f"{tmp_path}/a.conll:9"]
    assert Tag.from_rows(iter(rows), "a").labels == ("O", "B-PER", "I-PER")


def test_squad(tmp_path):
    first, second = map(question_of, rows_of(tmp_path / "a.json", json.dumps(SQUAD)))
    assert first.context[first.answers[0].start :].startswith("light")
    assert second.answers == ()


def test_answers_of_two_lists(tmp_path):
    row = {"question": "what", "context": "the light", "answers": {"text": ["light"], "answer_start": [4]}}
    (read,) = rows_of(tmp_path / "a.jsonl", json.dumps(row))
    assert question_of(read).answers[0].start == 4


def test_columns_are_renamed(tmp_path):
    rows = rows_of(tmp_path / "a.csv", "sentence,intent\nhi,a\nho,b\n", {"text": "sentence", "label": "intent"})
    assert Classify.from_rows(rows, "a").labels == ("a", "b")


def test_numbers_are_ordered_as_numbers(tmp_path):
    rows = rows_of(tmp_path / "a.csv", "text,label\na,10\nb,9\nc,1\n")
    assert Classify.from_rows(rows, "a").labels == ("1", "9", "10")


def test_several_labels_of_a_table(tmp_path, tokenizer):
    task = Classify.from_rows(rows_of(tmp_path / "a.csv", "text,labels\nturn,a|b\non,\nup,b\n"), "a")
    assert (task.labels, task.several) == (("a", "b"), True)
    examples = list(task.encode(training_rows(str(tmp_path / "a.csv"), {}), tokenizer, 16))
    assert [example["label"].tolist() for example in examples] == [[1, 1], [0, 0], [0, 1]]


LABELLED = '{"text": "one", "label": "a"}\n'
ASKED = {"question": "what", "context": "the light", "answers": [{"text": "light", "answer_start": 4}]}


@pytest.mark.parametrize(
    ("task", "name", "text", "message"),
    [
        (Classify, "a.jsonl", LABELLED + '{"text": " ", "label": "b"}', r"a\.jsonl:2: column 'text' is empty"),
        (Classify, "a.jsonl", LABELLED + '{"text": "two"}', r"a\.jsonl:2: there is no column 'label', only 'text'"),
        (Classify, "a.jsonl", LABELLED + '{"text": "two", "label": 1.5}', r"a\.jsonl:2: column 'label' is 1\.5"),
        (Classify, "a.jsonl", LABELLED + '{"text": "two", "label": ""}', r"a\.jsonl:2: column 'label' is ''"),
        (Classify, "a.jsonl", LABELLED + "{", r"a\.jsonl:2: not valid JSON"),
        (Classify, "a.jsonl", LABELLED, r"all rows have the label 'a': a classifier needs at least two"),
        (Classify, "a.jsonl", "", r"there is no label"),
        (Classify, "a.csv", "text,label\none\n", r"a\.csv:2: the row has 1 fields"),
        (Classify, "a.xml", "", r"a\.xml ends with none of"),
        (Tag, "a.conll", "word\n", r"a\.conll:1: the token 'word' has no tag"),
        (Tag, "a.conll", "a O\nb I-X\n", r"a\.conll:1: tag 2 is 'I-X' after 'O', which is not BIO"),
        (Tag, "a.conll", "a B-X\nb I-Y\n", r"a\.conll:1: tag 2 is 'I-Y' after 'B-X', which is not BIO"),
        (Tag, "a.conll", "a O\n\nb PER\n", r"a\.conll:3: tag 1 is 'PER', which is not BIO"),
        (Tag, "a.conll", "a O\n", r"every tag is O"),
        (Tag, "a.jsonl", '{"tokens": ["a"], "tags": ["O", "O"]}', r"a\.jsonl:1: there are 1 tokens and 2 tags"),
        (
            Tag,
            "a.jsonl",
            '{"tokens": "a b", "tags": ["O"]}',
            r"a\.jsonl:1: column 'tokens' is of type str: give a list",
        ),
        (Tag, "a.jsonl", '{"tokens": [], "tags": []}', r"a\.jsonl:1: column 'tokens' is empty"),
        (Answer, "a.json", "{}", r"a\.json: question 1: not as SQuAD has it \(KeyError: 'data'\)"),
        (Answer, "a.json", "{", r"a\.json: not valid JSON"),
        (Answer, "a.jsonl", json.dumps(ASKED | {"answers": []}), r"no question has an answer"),
        (Answer, "a.jsonl", json.dumps(ASKED | {"question": ""}), r"a\.jsonl:1: column 'question' is empty"),
        (
            Answer,
            "a.jsonl",
            json.dumps(ASKED | {"answers": [{"text": "light", "answer_start": 3}]}),
            r"a\.jsonl:1: the answer 'light' is not at character 3 of its context, ' ligh' is",
        ),
        (Answer, "a.jsonl", json.dumps(ASKED | {"answers": "light"}), r"a\.jsonl:1: column 'answers' must be a list"),
        (Answer, "a.jsonl", json.dumps(ASKED | {"answers": [{"text": "light"}]}), r"needs a text and a whole number"),
    ],
)
def test_bad_rows_are_one_line_with_their_place(tmp_path, task, name, text, message):
    with pytest.raises(InputError, match=message) as caught:
        task.from_rows(rows_of(tmp_path / name, text), str(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text_a": "a", "text_b": "b", "score": "much"}', r"a\.jsonl:1: column 'score' is 'much': give a number"),
        ('{"text_a": "a", "text_b": "b", "score": true}', r"a\.jsonl:1: column 'score' is True: give a number"),
        ('{"text_a": "a", "text_b": "b", "score": NaN}', r"a\.jsonl:1: column 'score' is nan"),
        ('{"text_a": "a", "text_b": "b", "score": 1}', r"all scores are 1"),
        ('{"text": "a", "label": "x"}', r"there are 1 labels"),
        ('{"text": "a", "label": "x"}\n{"text_a": "a", "text_b": "b", "score": 1}', r"some rows have a score"),
    ],
)
def test_bad_pairs(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        Embed.from_rows(rows_of(tmp_path / "a.jsonl", text), "a", tmp_path, 0)


def test_a_label_that_training_never_saw(tmp_path, tokenizer):
    task = Classify(("a", "b"), several=False)
    rows = rows_of(tmp_path / "dev.jsonl", LABELLED + '{"text": "two", "label": "z"}')
    with pytest.raises(InputError, match=r"dev\.jsonl:2: the label 'z' is not among the 2"):
        list(task.encode(rows, tokenizer, 16))
    rows = rows_of(tmp_path / "dev.conll", "a O\n\nb B-Z\n")
    with pytest.raises(InputError, match=r"dev\.conll:3: the tag 'B-Z' is not among"):
        list(Tag(("O", "B-X", "I-X")).encode(rows, tokenizer, 16))


def test_tags_stand_at_first_pieces(tmp_path, tokenizer):
    """A word that splits, one that the tokenizer drops and one that is cut off."""
    text = "zz B-X\n\u200b O\nturn I-X\noff O\n"
    rows = rows_of(tmp_path / "a.conll", text.replace("\u200b O\nturn I-X", "\u200b I-X\nturn I-X"))
    (example,) = Tag(("O", "B-X", "I-X")).encode(rows, tokenizer, 5)
    assert tokenizer.convert_ids_to_tokens(example["input_ids"]) == ["[CLS]", "z", "##z", "turn", "[SEP]"]
    assert example["token_labels"].tolist() == [-100, 1, -100, 2, -100]
    assert example["places"].tolist() == [0, 2]
    assert example["words"].tolist() == [1, 2, 2, 0]


def test_words_of_nothing_have_no_tag(tmp_path, tokenizer):
    rows = [{"tokens": ["", "turn", " "], "tags": ["O", "B-X", "O"]}, {"tokens": [""], "tags": ["O"]}]
    text = "\n".join(map(json.dumps, rows))
    first, second = Tag(("O", "B-X", "I-X")).encode(rows_of(tmp_path / "a.jsonl", text), tokenizer, 5)
    assert first["places"].tolist() == [1] and first["words"].tolist() == [0, 1, 0]
    assert second["places"].tolist() == [] and second["input_ids"].shape == (2,)


def test_windows_overlap_and_find_the_answer(tmp_path, tokenizer):
    words = ["turn"] * 30 + ["light"] + ["off"] * 20
    context = " ".join(words)
    row = ASKED | {"context": context, "answers": [{"text": "light", "answer_start": context.index("light")}]}
    task = Answer()
    windows = list(task.encode(rows_of(tmp_path / "a.jsonl", json.dumps(row)), tokenizer, 24))
    covered = set()
    found = 0
    for window in windows:
        inside = window["starts"] >= 0
        covered |= {*window["starts"][inside].tolist()}
        first, last = window["span"]
        if first:
            found += 1
            assert context[window["starts"][first] : window["ends"][last]] == "light"
    assert found >= 1 and len(windows) >= 3
    assert len(covered) == len(words)


def test_a_store_gives_back_what_was_written(tmp_path):
    examples = [{"a": np.arange(at, dtype=np.int32), "b": np.array([at / 2], np.float32)} for at in range(5)]
    store = write_store(tmp_path / "s", iter(examples))
    again = Store(tmp_path / "s")
    assert len(store) == len(again) == 5
    for at, example in enumerate(examples):
        assert again.get("a", at).tolist() == example["a"].tolist()
        assert again.get("b", at).tolist() == example["b"].tolist()
    assert again.lengths("a").tolist() == [0, 1, 2, 3, 4]


def test_an_empty_store_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="no example"):
        write_store(tmp_path / "s", iter([]))
    assert list(tmp_path.iterdir()) == []


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=300).map(lambda rows: np.array(rows, np.int64))


@settings(max_examples=50, deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(0, 3), st.integers(1, 4))
def test_every_example_is_in_one_batch_of_one_process(lengths, size, epoch, world):
    batches = bucketed(lengths, size, 7, epoch)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in bucketed(lengths, size, 7, epoch)]
    assert sorted(np.concatenate(in_order(lengths, size))) == list(range(len(lengths)))
    for batch in batches:
        shares = [share(batch, rank, world) for rank in range(world)]
        assert all(len(each) for each in shares)
        assert {*np.concatenate(shares)} == {*batch}
        assert sum(map(len, shares)) == max(len(batch), world)


def test_little_is_padded():
    lengths = np.random.default_rng(0).geometric(0.08, 4000).astype(np.int64) + 3
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in bucketed(lengths, 32, 0, 0))
    assert padded < 1.1 * lengths.sum()
    unsorted = sum(32 * int(lengths[at : at + 32].max()) for at in range(0, 4000, 32))
    assert unsorted > 2 * lengths.sum()


def test_collate_pads_and_masks(tmp_path):
    examples = [
        {"input_ids": np.array(ids, np.int32), "token_labels": np.array(ids, np.int32), "label": np.array([at])}
        for at, ids in enumerate(([5, 6, 7], [8]))
    ]
    batch = collate(write_store(tmp_path / "s", iter(examples)), [1, 0], pad_id=3)
    assert batch["input_ids"].tolist() == [[8, 3, 3], [5, 6, 7]]
    assert batch["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]
    assert batch["token_labels"].tolist() == [[8, -100, -100], [5, 6, 7]]
    assert batch["label"].tolist() == [[1], [0]]
    assert batch["input_ids"].dtype == torch.int64
