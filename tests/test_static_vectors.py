"""The mean of word vectors as a model: against plain numpy and scipy."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from checkpoints import save_classifier
from training_data import ROOMS, labelled

import edgebert
from edgebert.bundle import TOKENIZER
from edgebert.export import Recipe, export
from edgebert.export.compare.logistic import fit_logistic
from edgebert.export.compare.static import (
    StaticSession,
    WordVectors,
    feature,
    learn_labels,
    static_bytes,
    static_model,
    words_of,
)
from edgebert.export.train.tasks.classify import Classify
from edgebert.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    save_classifier(folder / "teacher", list(ROOMS))
    return export(Recipe(output=folder / "teacher.bundle", model=str(folder / "teacher")))


@pytest.fixture
def vectors():
    return WordVectors(np.random.default_rng(0).standard_normal((120, 8)).astype(np.float32))


def objective(flat, inputs, targets, labels):
    """The loss from its definition: inputs of mean 0 and deviation 1, targets as 0 and 1."""
    weight, bias = flat[:-labels].reshape(-1, labels), flat[-labels:]
    logits = inputs @ weight + bias
    return -(targets * scipy.special.log_softmax(logits, axis=1)).sum() + (weight**2).sum() / 2


def several(flat, inputs, targets, labels):
    weight, bias = flat[:-labels].reshape(-1, labels), flat[-labels:]
    logits = inputs @ weight + bias
    return (
        -(targets * scipy.special.log_expit(logits) + (1 - targets) * scipy.special.log_expit(-logits)).sum()
        + (weight**2).sum() / 2
    )


@pytest.mark.parametrize("loss", [objective, several])
def test_the_classifier_is_the_minimum_of_its_loss(loss):
    rng = np.random.default_rng(1)
    features = (rng.standard_normal((80, 5)) * [1, 9, 0.01, 2, 0] + 3).astype(np.float32)  # one never varies
    chosen = rng.integers(0, 3, 80)
    targets = np.eye(3)[chosen] if loss is objective else (rng.random((80, 3)) < 0.4).astype(float)
    given = chosen if loss is objective else targets.astype(np.float32)
    found = fit_logistic(features, given, 3)
    inputs = (features - features.mean(axis=0)) / np.maximum(features.astype(np.float64).std(axis=0), 1e-6)
    best = scipy.optimize.minimize(loss, np.zeros(18), (inputs, targets, 3), options={"gtol": 1e-8})
    expected = inputs @ best.x[:-3].reshape(5, 3) + best.x[-3:]
    logits = features @ found.weight + found.bias
    if loss is objective:  # a number added to all labels changes nothing
        logits, expected = (each - each.mean(axis=1, keepdims=True) for each in (logits, expected))
    np.testing.assert_allclose(logits, expected, atol=2e-3)


def test_a_label_that_no_text_has_is_never_the_best():
    features = np.random.default_rng(2).standard_normal((40, 4)).astype(np.float32)
    found = fit_logistic(features, np.arange(40) % 2, 3)
    assert found.weight.shape == (4, 3)
    assert ((features @ found.weight + found.bias).argmax(axis=1) < 2).all()


def test_a_text_is_the_mean_of_its_words(vectors):
    words = np.ones(120, np.bool_)
    words[[2, 3]] = False
    ids, types = np.array([2, 70, 71, 3, 9, 3], np.int32), np.array([0, 0, 0, 0, 1, 1])
    table = vectors.rows.astype(np.float64)
    np.testing.assert_allclose(feature(vectors, words, ids, types, False), table[[70, 71, 9]].mean(axis=0), atol=1e-6)
    first, second = table[[70, 71]].mean(axis=0), table[9]
    expected = np.concatenate([first, second, np.abs(first - second)])
    np.testing.assert_allclose(feature(vectors, words, ids, types, True), expected, atol=1e-6)
    assert not feature(vectors, words, ids[:1], types[:1], False).any()


def test_int8_is_within_half_a_step(vectors):
    small = vectors.quantized()
    ids = np.arange(120, dtype=np.int32)
    steps = np.abs(vectors.rows).max(axis=1, keepdims=True) / 127
    assert (np.abs(small.of(ids) - vectors.of(ids)) <= 0.501 * steps).all()
    assert (small.bytes, vectors.bytes) == (120 * 8 + 120 * 4, 120 * 8 * 4)


def test_it_answers_as_a_bundle_does(teacher):
    rng = np.random.default_rng(3)
    table = WordVectors(rng.standard_normal((teacher.manifest.shape.vocabulary, 24)).astype(np.float32))
    tokenizer = Tokenizer.from_file(teacher.file(TOKENIZER))
    words = words_of(tokenizer, len(table.rows))
    assert np.flatnonzero(~words).tolist() == tokenizer.encode("").ids
    examples = [encoded(tokenizer, str(row["text"]), ROOMS.index(str(row["label"]))) for row in labelled(200)]
    labels = learn_labels(table, words, examples, Classify(ROOMS, False))
    model = static_model(teacher, table, labels, 1)
    assert isinstance(model, edgebert.Classifier) and not labels.pairs
    rows = labelled(60, seed=4)
    texts = ["", *(str(row["text"]) for row in rows)]
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    means = np.stack([np.zeros(24), *(table.rows[each].mean(axis=0) for each in ids[1:])])
    expected = scipy.special.softmax(means @ labels.linear.weight + labels.linear.bias, axis=1)
    found = model.scores(texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.array_equal(found, np.stack([model.scores([text])[0] for text in texts]))
    assert (
        np.mean([ROOMS[best] == row["label"] for best, row in zip(found[1:].argmax(axis=1), rows, strict=True)]) > 0.9
    )
    size = table.bytes + labels.linear.weight.nbytes + labels.linear.bias.nbytes
    assert static_bytes(teacher, table, labels) == size + (teacher.path / TOKENIZER).stat().st_size


def encoded(tokenizer: Tokenizer, text: str, label: int) -> dict[str, np.ndarray]:
    ids = np.array(tokenizer.encode(text).ids, np.int32)
    return {"input_ids": ids, "token_type_ids": np.zeros(len(ids), np.int8), "label": np.array([label])}


def test_padding_and_special_tokens_are_no_words(vectors):
    words = np.ones(120, np.bool_)
    words[[2, 3]] = False
    session = StaticSession(vectors, words, None)
    ids = np.array([[2, 70, 3, 0], [2, 70, 71, 3]], np.int32)
    found = session.run(ids, (ids > 0).astype(np.int32))
    assert not found[0, [0, 2, 3]].any() and not found[1, [0, 3]].any()
    assert np.array_equal(found[0, 1], vectors.rows[70])
