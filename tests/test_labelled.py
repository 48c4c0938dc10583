"""Labelled files, good and bad, and the marks that a model gets on them."""

import json

import numpy as np
import pytest

from edgebert.accuracy.agreement import agreement
from edgebert.accuracy.labelled import read_labelled
from edgebert.accuracy.tags import word_tags
from edgebert.accuracy.verdict import judge
from edgebert.errors import InputError
from edgebert.loader import load
from edgebert.manifest import AnswerHead, ClassifyHead, EmbedHead, TagHead
from edgebert.windows import TokenOutputs

LABELS = ("light_on", "play_music", "battery")
SINGLE = ClassifyHead(LABELS, "single_label_classification")
MULTI = ClassifyHead(LABELS, "multi_label_classification")
VALUE = ClassifyHead(("score",), "regression")
EMBED = EmbedHead("mean", True)
TEXTS = ["turn on the light", "play music", "what is the battery level now", "stop"]


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_labels_by_name_and_by_number(make_bundle, tmp_path):
    model = load(make_bundle(SINGLE))
    found = [answer["label"] for answer in model.classify(TEXTS)]
    by_name = written(tmp_path / "a.jsonl", [{"text": t, "label": name} for t, name in zip(TEXTS, found, strict=True)])
    evaluation = read_labelled(by_name, SINGLE)
    assert [metric.name for metric in evaluation.metrics] == ["accuracy", "macro F1"]
    assert evaluation.metrics[0].score(evaluation.mark(model)) == 1
    others = [(LABELS.index(label) + 1) % 3 for label in found]
    (tmp_path / "b.csv").write_text("text,label\n" + "".join(f"{t},{n}\n" for t, n in zip(TEXTS, others, strict=True)))
    wrong = read_labelled(str(tmp_path / "b.csv"), SINGLE)
    assert wrong.metrics[0].score(wrong.mark(model)) == 0
    assert wrong.source == "b.csv" and wrong.sha256 != evaluation.sha256


def test_a_label_that_looks_like_a_number_is_a_label_first(tmp_path):
    head = ClassifyHead(("1", "0"), "single_label_classification")
    by_name = read_labelled(written(tmp_path / "a.jsonl", [{"text": "a", "label": "1"}]), head)
    by_number = read_labelled(written(tmp_path / "b.jsonl", [{"text": "a", "label": 1}]), head)
    other = read_labelled(written(tmp_path / "b.jsonl", [{"text": "a", "label": 0}]), head)
    assert by_name.sha256 == by_number.sha256 != other.sha256


def test_pairs(make_bundle, tmp_path):
    model = load(make_bundle(SINGLE, pairs=True))
    rows = [{"text": text, "text_pair": "the light", "label": 0} for text in TEXTS]
    evaluation = read_labelled(written(tmp_path / "a.jsonl", rows), SINGLE)
    expected = model.scores([(text, "the light") for text in TEXTS]).argmax(axis=1)
    assert evaluation.mark(model)[:, 1].tolist() == expected.tolist()


def test_sets_of_labels(make_bundle, tmp_path):
    model = load(make_bundle(MULTI))
    chosen = [[LABELS[at] for at in np.flatnonzero(row >= 0.5)] for row in model.scores(TEXTS)]
    rows = [{"text": text, "labels": labels} for text, labels in zip(TEXTS, chosen, strict=True)]
    evaluation = read_labelled(written(tmp_path / "a.jsonl", rows), MULTI)
    assert [metric.name for metric in evaluation.metrics] == ["macro F1", "accuracy of label sets"]
    assert evaluation.metrics[1].score(evaluation.mark(model)) == 1


def test_values(make_bundle, tmp_path):
    model = load(make_bundle(VALUE))
    rows = [{"text": t, "score": float(s)} for t, s in zip(TEXTS, model.scores(TEXTS)[:, 0], strict=True)]
    evaluation = read_labelled(written(tmp_path / "a.jsonl", rows), VALUE)
    assert evaluation.metrics[0].score(evaluation.mark(model)) == pytest.approx(1)


def test_likeness(embed_bundle, tmp_path):
    model = load(embed_bundle)
    vectors = model.encode(TEXTS).astype(np.float64)
    rows = [
        {"text_a": TEXTS[a], "text_b": TEXTS[b], "score": str(vectors[a] @ vectors[b])}
        for a in range(4)
        for b in range(4)
    ]
    evaluation = read_labelled(written(tmp_path / "a.jsonl", rows), EMBED)
    assert evaluation.mark(model)[:, 0] == pytest.approx(evaluation.mark(model)[:, 1], abs=1e-6)


@pytest.mark.parametrize("head", [SINGLE, MULTI, VALUE, EMBED])
def test_a_model_agrees_with_itself_and_less_with_another(make_bundle, head):
    int8, fp32 = load(make_bundle(head)), load(make_bundle(head, int8=False))
    texts = [f"{text} {word}" for text in TEXTS for word in "turn on off the light play stop".split()]
    held_to = agreement("texts", texts, fp32)
    baseline, found = held_to.mark(fp32), held_to.mark(int8)
    assert held_to.metrics[0].score(baseline) == pytest.approx(1)
    assert judge(held_to.metrics[0], baseline, found, 50.0).drop >= 0
    assert not np.array_equal(baseline, found) or head in (SINGLE, MULTI)


@pytest.mark.parametrize(
    ("head", "row", "message"),
    [
        (SINGLE, {"text": "a", "label": "jazz"}, r":2: the model does not know the label 'jazz': it has 'light_on'"),
        (SINGLE, {"text": "a", "label": 3}, "does not know the label '3'"),
        (SINGLE, {"text": "a", "label": -1}, "does not know the label '-1'"),
        (SINGLE, {"text": "a", "label": True}, "does not know the label 'True'"),
        (SINGLE, {"text": "a", "label": None}, "does not know the label 'None'"),
        (SINGLE, {"text": "a", "label": ["battery"]}, "does not know the label"),
        (SINGLE, {"text": "a"}, ":2: there is no column 'label', only 'text': name it so"),
        (SINGLE, {"sentence": "a", "label": 0}, "there is no column 'text', only 'sentence', 'label'"),
        (SINGLE, {"text": 5, "label": 0}, "column .text. is of type int, not a text"),
        (SINGLE, {"text": "\ud800", "label": 0}, "half of a surrogate pair"),
        (SINGLE, {"text": "a", "text_pair": "b", "label": 0}, "some rows hold one text and some two"),
        (MULTI, {"text": "a", "labels": "battery"}, "column .labels. is of type str: give a list"),
        (MULTI, {"text": "a", "labels": ["jazz"]}, "does not know the label 'jazz'"),
        (VALUE, {"text": "a", "score": "much"}, "column 'score' is 'much': give a number"),
        (VALUE, {"text": "a", "score": float("nan")}, "column 'score' is nan: give a number"),
        (VALUE, {"text": "a", "score": True}, "column 'score' is True: give a number"),
        (VALUE, {"text": "a", "score": 10**400}, "column 'score' is 1000000000"),
        (VALUE, {"text": "a", "score": [1]}, r"column 'score' is \[1\]: give a number"),
    ],
)
def test_bad_rows_are_one_line(tmp_path, head, row, message):
    good = {"text": "a", "label": 0, "labels": [], "score": 1}
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(written(tmp_path / "a.jsonl", [good, row]), head)
    assert "\n" not in str(caught.value)


def test_bad_files_are_one_line(tmp_path):
    with pytest.raises(InputError, match="holds no text: give at least one"):
        read_labelled(written(tmp_path / "a.jsonl", []), SINGLE)
    with pytest.raises(InputError, match="cannot read"):
        read_labelled(str(tmp_path / "absent.jsonl"), SINGLE)
    with pytest.raises(InputError, match=r"ends with none of \.jsonl"):
        read_labelled(str(tmp_path / "a.xlsx"), SINGLE)
    with pytest.raises(InputError, match="there is one text: to judge vectors give text_a, text_b and score"):
        read_labelled(written(tmp_path / "b.jsonl", [{"text": "a", "score": 1}]), EMBED)


TAGS = ("O", "B-PER", "I-PER")


def tokens_at(*starts_and_labels):
    """Tokens that begin at these places and have these labels."""
    offsets = np.array([[start, start + 1] for start, _ in starts_and_labels], np.int32).reshape(-1, 2)
    scores = np.eye(len(TAGS), dtype=np.float32)[[label for _, label in starts_and_labels]].reshape(-1, len(TAGS))
    return TokenOutputs(np.zeros(len(offsets), np.int32), offsets, scores, False)


def test_a_word_has_the_label_of_its_first_token():
    words = ["Ann", "Lee", "…", "", "left"]  # at 0, 4, 8, 10 and 11
    found = word_tags(words, tokens_at((0, 1), (1, 0), (4, 2), (6, 0), (11, 1), (13, 0)), TAGS)
    assert found == ["B-PER", "I-PER", "O", "O", "B-PER"]
    assert word_tags(words, tokens_at(), TAGS) == ["O"] * 5


class Reader:
    """Stands for a tagger that says B-PER of every token and of which the tokens are the words."""

    def read(self, texts):
        return [tokens_at(*((at, 1) for at in range(len(text)) if at == 0 or text[at - 1] == " ")) for text in texts]


def test_sentences_of_words(tmp_path):
    rows = [
        {"tokens": ["Ann", "left"], "tags": ["B-PER", "O"]},
        {"tokens": ["Bo", "Di"], "tags": [1, 1]},
    ]
    evaluation = read_labelled(written(tmp_path / "a.jsonl", rows), TagHead(TAGS))
    assert evaluation.mark(Reader()).tolist() == [[1, 2, 1], [2, 2, 2]]
    assert evaluation.metrics[0].score(evaluation.mark(Reader())) == pytest.approx(6 / 7)


class Answerer:
    """Stands for a model that answers with the first word of the context."""

    def answer(self, questions, contexts, handle_impossible_answer):
        assert len(questions) == len(contexts)
        return [{"answer": "" if handle_impossible_answer else context.split()[0]} for context in contexts]


def test_questions(tmp_path):
    rows = [
        {"question": "who?", "context": "Ann left", "answers": ["ann"]},
        {"question": "what?", "context": "The car", "answers": {"text": ["a car", "car"], "answer_start": [0, 4]}},
        {"question": "how?", "context": "Slowly", "answers": [{"text": "slowly!", "answer_start": 0}]},
    ]
    evaluation = read_labelled(written(tmp_path / "a.jsonl", rows), AnswerHead())
    assert evaluation.mark(Answerer())[:, 0].tolist() == [1, 0, 1]
    rows.append({"question": "why?", "context": "Nobody knows", "answers": []})
    evaluation = read_labelled(written(tmp_path / "b.jsonl", rows), AnswerHead())
    assert evaluation.mark(Answerer())[:, 0].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("head", "row", "message"),
    [
        (TagHead(TAGS), {"tokens": ["a"], "tags": ["B-LOC"]}, r":1: the model does not know the label 'B-LOC'"),
        (TagHead(TAGS), {"tokens": ["a"], "tags": []}, "there are 1 tokens and 0 tags"),
        (TagHead(TAGS), {"tokens": "a b", "tags": ["O"]}, "column .tokens. is of type str: give a list"),
        (TagHead(TAGS), {"tokens": [], "tags": []}, "column .tokens. is empty: remove the row"),
        (TagHead(TAGS), {"tokens": ["a", 1], "tags": ["O", "O"]}, "column .tokens. must be a list of texts"),
        (AnswerHead(), {"question": "a", "context": "b"}, "there is no column 'answers'"),
        (AnswerHead(), {"question": "a", "context": "b", "answers": "c"}, "answers is of type str: give a list"),
        (AnswerHead(), {"question": "a", "context": "b", "answers": [3]}, "answers holds what is no text"),
    ],
)
def test_bad_sentences_and_questions_are_one_line(tmp_path, head, row, message):
    with pytest.raises(InputError, match=message):
        read_labelled(written(tmp_path / "a.jsonl", [row]), head)
