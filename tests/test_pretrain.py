"""Pre-training: masks by their statistics, pairs by their order, and a model that learns what its corpus repeats."""

import json
import random

import numpy as np
import pytest
import torch
import transformers

from edgebert.errors import CheckpointError, InputError
from edgebert.export.checkpoint import load_tokenizer
from edgebert.export.train.corpus import corpus_examples, pairs_of, train_vocabulary
from edgebert.export.train.masking import IGNORED, Masker
from edgebert.export.train.pretrain import Pretrain, guesses, pretrain
from edgebert.export.train.settings import Training
from edgebert.export.train.store import write_store

CONFIG = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 64, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
PATTERNS = ("turn on the light", "play some loud music", "open every old window", "call my best friend")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrain")
    generator = random.Random(0)
    lines = [generator.choice(PATTERNS) for _ in range(800)]
    (folder / "corpus.txt").write_text("\n".join(lines) + "\n")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def test_masks_have_the_shares_that_bert_has():
    torch.manual_seed(0)
    ids = torch.randint(10, 1000, (200, 50))
    begins = torch.ones_like(ids)
    begins[:, 1::2] = 2  # words of two pieces
    begins[:, [0, 49]] = 0
    ids[:, [0, 49]] = 1
    masked, labels = Masker(mask_id=4, vocabulary=1000)(ids, begins)
    chosen = labels != IGNORED
    assert torch.equal(labels[chosen], ids[chosen]) and torch.equal(masked[~chosen], ids[~chosen])
    assert not chosen[:, [0, 49]].any()
    assert torch.equal(chosen[:, 2:48:2], chosen[:, 3:49:2])  # whole words
    assert float(chosen[:, 1:49].float().mean()) == pytest.approx(0.15, abs=0.015)
    assert float((masked[chosen] == 4).float().mean()) == pytest.approx(0.8, abs=0.03)
    assert float((masked[chosen] == ids[chosen]).float().mean()) == pytest.approx(0.1, abs=0.03)


def test_pairs_follow_or_do_not(tmp_path):
    lines = [f"line {number}" for number in range(400)]
    (tmp_path / "c.txt").write_text("\n".join([*lines[:200], "", *lines[200:]]))
    pairs = list(pairs_of(tmp_path / "c.txt", True, seed=0))
    assert len(pairs) == 398
    number = {line: at for at, line in enumerate(lines)}
    assert all(number[second] == number[first] + 1 for first, second, wrong in pairs if not wrong)
    assert ("line 199", "line 200", 0) not in pairs
    assert np.mean([wrong for _, _, wrong in pairs]) == pytest.approx(0.5, abs=0.08)
    assert pairs == list(pairs_of(tmp_path / "c.txt", True, seed=0))


def test_a_vocabulary_is_learned(folder, tmp_path):
    tokenizer = train_vocabulary(folder / "corpus.txt", 80, lowercase=True)
    assert tokenizer.tokenize("Turn on the LIGHT") == ["turn", "on", "the", "light"]
    assert len(tokenizer) <= 80
    names = tokenizer.convert_ids_to_tokens(tokenizer("turn on", "light")["input_ids"])
    assert names == ["[CLS]", "turn", "on", "[SEP]", "light", "[SEP]"]
    tokenizer.save_pretrained(tmp_path / "t")
    assert load_tokenizer(tmp_path / "t")("turn on")["input_ids"] == tokenizer("turn on")["input_ids"]
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(InputError, match="holds no text"):
        train_vocabulary(tmp_path / "empty.txt", 80, lowercase=True)


def test_words_begin_where_their_first_piece_is(folder):
    tokenizer = train_vocabulary(folder / "corpus.txt", 80, lowercase=True)
    pairs = iter([("turn tur", "tur on", 0)] * 2)
    example = next(corpus_examples(pairs, tokenizer, 32, held_out=False, every=2))
    tokens = tokenizer.convert_ids_to_tokens(example["input_ids"])
    expected = [0 if token in ("[CLS]", "[SEP]") else 2 if token.startswith("##") else 1 for token in tokens]
    assert example["begins_word"].tolist() == expected


def test_it_learns_what_the_corpus_repeats_and_goes_on(folder, tmp_path):
    training = Training(epochs=8, learning_rate=5e-3, max_tokens=32)
    settings = Pretrain(
        folder / "corpus.txt", tmp_path / "out", config=folder / "config.json", train_vocabulary=80, training=training
    )
    report = pretrain(settings)
    metrics = report.kept.metrics
    assert metrics["mlm_accuracy"] > 0.8 > 3 * max(metrics["most_frequent_token"], metrics["unigram_guess"])
    fill = transformers.pipeline("fill-mask", str(tmp_path / "out"))
    assert fill("turn on the [MASK]")[0]["token_str"] == "light"
    more = Pretrain(folder / "corpus.txt", tmp_path / "more", model=str(tmp_path / "out"), training=Training(epochs=1))
    assert pretrain(more).kept.metrics["mlm_accuracy"] > 0.8


def test_next_sentences(tmp_path, folder):
    generator = random.Random(0)
    lines = [word for _ in range(200) for word in (generator.choice(PATTERNS), "yes please")]
    (tmp_path / "c.txt").write_text("\n".join(lines))
    settings = Pretrain(
        tmp_path / "c.txt",
        tmp_path / "out",
        config=folder / "config.json",
        train_vocabulary=80,
        next_sentence=True,
        training=Training(epochs=2, learning_rate=3e-3),
    )
    report = pretrain(settings)
    assert 0 <= report.kept.metrics["next_accuracy"] <= 1
    assert transformers.BertForPreTraining.from_pretrained(tmp_path / "out").cls.seq_relationship.out_features == 2


def test_the_command_names_what_exports_its_checkpoint(folder, tmp_path, run):
    done = run("pretrain", "--corpus", folder / "corpus.txt", "--output", tmp_path / "out", "--train-vocabulary", 80,
               "--config", folder / "config.json", "--epochs", 1, "--quiet")  # fmt: skip
    words = done.stdout.decode().splitlines()[-1].removeprefix("next: edgebert ").split(" ")
    done = run(*words, "--calibration", "builtin", "--output", tmp_path / "b.bundle", "--quiet")
    assert done.returncode == 0, done.stderr


def test_guesses_by_hand(tmp_path):
    def store(name, ids):
        example = {"input_ids": np.array(ids, np.int32), "begins_word": np.array([0] + [1] * (len(ids) - 1), np.int8)}
        return write_store(tmp_path / name, iter([example]))

    found = guesses(store("train", [9, 1, 1, 2]), store("dev", [9, 1, 2, 2, 3]))
    assert found == pytest.approx({"most_frequent_token": 0.25, "unigram_guess": 2 / 3 * 1 / 4 + 1 / 3 * 2 / 4})


def test_settings_that_cannot_be(folder, tmp_path, run):
    corpus = folder / "corpus.txt"
    with pytest.raises(InputError, match="name one of model, vocabulary and train_vocabulary"):
        Pretrain(corpus, tmp_path / "out", config=folder / "config.json")
    with pytest.raises(InputError, match="needs its config"):
        Pretrain(corpus, tmp_path / "out", train_vocabulary=80)
    done = run("pretrain", "--corpus", corpus, "--output", tmp_path / "out", "--train-vocabulary", 80,
               "--config", tmp_path / "none.json", "--quiet")  # fmt: skip
    assert done.returncode == 1 and b"is no configuration of a BERT" in done.stderr
    (tmp_path / "short.txt").write_text("turn on\n")
    settings = Pretrain(tmp_path / "short.txt", tmp_path / "out", config=folder / "config.json", train_vocabulary=80)
    with pytest.raises(InputError, match="has too few lines"):
        pretrain(settings)
    (tmp_path / "bad.json").write_text("[")
    with pytest.raises(CheckpointError, match="is no configuration"):
        pretrain(Pretrain(corpus, tmp_path / "out", config=tmp_path / "bad.json", train_vocabulary=80))
