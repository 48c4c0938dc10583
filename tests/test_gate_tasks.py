"""The release gate on a tagger and an answerer that learned something: its scores against seqeval, and by hand."""

import json
import random
import string

import numpy as np
import pytest
import seqeval.metrics
import torch
from training_data import ROOMS, asked, base, tagged, write_rows
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

import edgebert
from edgebert.export.train.finetune import Finetune, finetune
from edgebert.export.train.settings import Training

ROWS = 240


def learned(task, rows, folder, **training):
    """Train a tiny checkpoint until it is good but not perfect."""
    settings = Training(**{"learning_rate": 3e-3, "batch_size": 16, "max_tokens": 40, **training})
    train = write_rows(folder / "train.jsonl", rows)
    finetune(Finetune(task, str(train), folder / "out", str(base(folder / "base")), training=settings))
    return folder / "out"


def gate_of(run, checkpoint, labelled, output):
    """The report's section and the models of a bundle that went through the gate."""
    done = run(
        *("export", "--model", checkpoint, "--output", output, "--quiet"),
        *("--max-drop", 8, "--evaluate", labelled, "--search-minutes", 0.5),
    )
    assert done.returncode == 0, done.stderr
    engines = json.loads((output / "report.json").read_text())["gate"]["engines"]
    return {engine: (found["judgement"], edgebert.load(output, engine)) for engine, found in engines.items()}


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    """A tagger, and sentences of which some have tags that it cannot know."""
    folder = tmp_path_factory.mktemp("tagger")
    generator = random.Random(1)
    rows = tagged(ROWS, seed=9)
    for row in rows:
        if generator.random() < 0.2:
            row["tags"] = ["O" if tag == "I-X" else tag for tag in row["tags"]]
        if generator.random() < 0.2:
            row["tokens"] = [word if word != "turn" else "turnip" for word in row["tokens"]]  # in several pieces
    return learned("tag", tagged(120), folder, epochs=2), write_rows(folder / "test.jsonl", rows), rows


def tags_of_fp32(checkpoint, sentences):
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForTokenClassification.from_pretrained(checkpoint).eval()
    for words in sentences:
        encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
        with torch.inference_mode():
            best = model(**encoded).logits[0].argmax(dim=1).tolist()
        places = encoded.word_ids()
        yield [model.config.id2label[best[places.index(number)]] for number in range(len(words))]


def tags_of_bundle(model, sentences):
    labels = model.manifest.head.labels
    for words, tokens in zip(sentences, model.read([" ".join(words) for words in sentences]), strict=True):
        at_start = {
            int(offset[0]): labels[int(scores.argmax())]
            for offset, scores in zip(tokens.offsets, tokens.outputs, strict=True)
        }
        begins = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
        yield [at_start[int(begin)] for begin in begins]


def test_the_gate_of_a_tagger_has_the_f1_of_seqeval(tagger, run, tmp_path):
    checkpoint, labelled, rows = tagger
    sentences, wanted = [row["tokens"] for row in rows], [row["tags"] for row in rows]
    fp32 = 100 * seqeval.metrics.f1_score(wanted, list(tags_of_fp32(checkpoint, sentences)))
    assert 20 < fp32 < 95
    for judgement, model in gate_of(run, checkpoint, labelled, tmp_path / "b").values():
        found = list(tags_of_bundle(model, sentences))
        assert (judgement["metric"], judgement["texts"]) == ("entity F1", ROWS)
        assert judgement["baseline"] == pytest.approx(fp32, abs=0.01)
        assert judgement["score"] == pytest.approx(100 * seqeval.metrics.f1_score(wanted, found), abs=0.01)


@pytest.fixture(scope="module")
def answerer(tmp_path_factory):
    """An answerer, and questions of which some have other answers than its, two answers, or none."""
    folder = tmp_path_factory.mktemp("answerer")
    generator = random.Random(1)
    rows = asked(ROWS, seed=9)
    for row in rows:
        kind = generator.random()
        text = row["answers"][0]["text"]
        if kind < 0.2:
            row["answers"] = [{"text": "turn", "answer_start": 0}]
        elif kind < 0.4:
            row["answers"] = {"text": ["nothing", f"The {text.upper()}."], "answer_start": [0, 0]}
        elif kind < 0.5:
            row["answers"] = []
        else:
            row["context"] += f" now is {generator.choice(ROOMS)}"  # where the two models may choose differently
    return learned("answer", asked(200), folder, epochs=2), write_rows(folder / "test.jsonl", rows), rows


def plain(text):
    words = text.lower().translate(str.maketrans("", "", string.punctuation)).split()
    return [word for word in words if word not in {"a", "an", "the"}]


def right(rows, answers):
    for row, answer in zip(rows, answers, strict=True):
        given = row["answers"]
        texts = given["text"] if isinstance(given, dict) else [each["text"] for each in given]
        yield plain(answer["answer"]) in [plain(text) for text in texts or [""]]


def test_the_gate_of_an_answerer_has_the_exact_match_by_hand(answerer, run, tmp_path):
    checkpoint, labelled, rows = answerer
    asked_of, contexts = [row["question"] for row in rows], [row["context"] for row in rows]
    fp32 = pipeline("question-answering", model=str(checkpoint), tokenizer=str(checkpoint))
    before = np.array([*right(rows, fp32(question=asked_of, context=contexts, handle_impossible_answer=True))])
    assert 0.2 < before.mean() < 0.95
    for judgement, model in gate_of(run, checkpoint, labelled, tmp_path / "b").values():
        now = np.array([*right(rows, model.answer(asked_of, contexts, handle_impossible_answer=True))])
        assert (judgement["metric"], judgement["texts"]) == ("exact match", ROWS)
        assert judgement["baseline"] == pytest.approx(100 * before.mean(), abs=0.01)
        assert judgement["score"] == pytest.approx(100 * now.mean(), abs=0.01)
        assert (judgement["lost"], judgement["won"]) == ((before & ~now).sum(), (now & ~before).sum())
