"""The whole road on tiny checkpoints: from the folder that transformers writes to answers that equal PyTorch's."""

import dataclasses
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import pooling, save_classifier, save_encoder
from transformers import AutoTokenizer, BertForSequenceClassification, BertModel

import edgebert
from edgebert.bundle import BASELINE, GOLDEN, MODEL, open_bundle
from edgebert.errors import InputError
from edgebert.export import Recipe, export
from edgebert.loader import load_bundle
from edgebert.verify import verify

TEXTS = ["turn on the light", "x", "", "play music, please! what is the battery now in the kitchen"]
LABELS = ["on", "off", "music"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_encoder(tmp_path_factory.mktemp("c") / "encoder", {**pooling("mean_tokens"), "Normalize": {}})


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return save_classifier(tmp_path_factory.mktemp("c") / "classifier", LABELS)


@pytest.fixture(scope="module")
def int8(encoder, tmp_path_factory):
    return export(Recipe(tmp_path_factory.mktemp("b") / "int8.bundle", model=str(encoder)))


def torch_hidden(folder, text):
    """Token vectors [tokens, hidden] of PyTorch."""
    inputs = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", truncation=True, max_length=32)
    with torch.inference_mode():
        return BertModel.from_pretrained(folder).eval()(**inputs).last_hidden_state[0].numpy()


def torch_logits(folder, text, pair=None):
    inputs = AutoTokenizer.from_pretrained(folder)(text, pair, return_tensors="pt")
    with torch.inference_mode():
        return BertForSequenceClassification.from_pretrained(folder).eval()(**inputs).logits[0].numpy()


@pytest.mark.parametrize(
    ("mode", "pool"),
    [
        ("mean_tokens", lambda hidden: hidden.mean(0)),
        ("cls_token", lambda hidden: hidden[0]),
        ("max_tokens", lambda hidden: hidden.max(0)),
    ],
)
def test_fp32_vectors_equal_pytorch(tmp_path, mode, pool):
    folder = save_encoder(tmp_path / "checkpoint", pooling(mode))
    model = edgebert.load(export(Recipe(tmp_path / "b", model=str(folder), precision="fp32")).path)
    assert model.max_tokens == 32
    expected = np.stack([pool(torch_hidden(folder, text)) for text in TEXTS])
    np.testing.assert_allclose(model.encode(TEXTS), expected, atol=2e-6)


def test_int8_vectors_are_near_and_normalized(encoder, int8):
    model = edgebert.load(int8.path)
    found = model.encode(TEXTS)
    expected = np.stack([torch_hidden(encoder, text).mean(0) for text in TEXTS])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert ((found * expected).sum(1) > 0.99).all()
    assert not np.array_equal(found, expected)
    assert int8.manifest.accuracy["onnxruntime"]["cosine_min"] > 0.98
    assert int8.manifest.accuracy["onnxruntime"]["texts"] == 200


def test_a_plain_bert_has_mean_pooling(tmp_path):
    folder = save_encoder(tmp_path / "checkpoint")
    bundle = export(Recipe(tmp_path / "b", model=str(folder), precision="fp32"))
    assert (bundle.manifest.head.pooling, bundle.manifest.head.normalize) == ("mean", False)
    assert bundle.manifest.shape.max_tokens == 64


def test_int8_alone_equals_in_a_batch(int8):
    model = edgebert.load(int8.path)
    texts = [f"{text} {n}" for n in range(8) for text in TEXTS]
    alone = np.stack([model.encode(text) for text in texts])
    for size in (1, 3, 32):
        assert model.encode(texts, batch_size=size).tobytes() == alone.tobytes()


def softmax(logits):
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


@pytest.mark.parametrize(
    ("problem_type", "labels", "activation"),
    [
        (None, LABELS, softmax),
        ("single_label_classification", LABELS, softmax),
        ("multi_label_classification", LABELS, lambda logits: 1 / (1 + np.exp(-logits))),
        ("regression", ["score"], lambda logits: logits),
    ],
)
def test_scores_equal_pytorch(tmp_path, problem_type, labels, activation):
    folder = save_classifier(tmp_path / "checkpoint", labels, problem_type)
    bundle = export(Recipe(tmp_path / "b", model=str(folder)))
    expected = np.stack([activation(torch_logits(folder, text)) for text in TEXTS])
    fp32, int8 = load_bundle(bundle, baseline=True), load_bundle(bundle)
    assert fp32.labels == tuple(labels)
    np.testing.assert_allclose(fp32.scores(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(int8.scores(TEXTS), expected, atol=0.2)
    assert ("agreement" in bundle.manifest.accuracy["onnxruntime"]) == (problem_type != "regression")


def test_one_label_without_a_problem_type_is_regression_as_in_transformers(tmp_path):
    bundle = export(Recipe(tmp_path / "b", model=str(save_classifier(tmp_path / "c", ["score"])), precision="fp32"))
    assert bundle.manifest.head.problem_type == "regression"


def test_pairs_equal_pytorch(classifier, tmp_path):
    texts = tmp_path / "pairs.jsonl"
    rows = [{"text_a": f"turn on {n}", "text_b": f"the light {n}"} for n in range(5)]
    texts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    bundle = export(Recipe(tmp_path / "b", model=str(classifier), calibration=str(texts)))
    expected = softmax(torch_logits(classifier, "turn on", "the light"))
    answers = load_bundle(bundle, baseline=True).classify(("turn on", "the light"), top_k=None)
    assert {answer["label"]: pytest.approx(answer["score"], abs=1e-5) for answer in answers} == dict(
        zip(LABELS, expected.tolist(), strict=True)
    )
    assert bundle.manifest.accuracy["onnxruntime"]["texts"] == 5
    assert json.loads((bundle.path / "report.json").read_text())["texts"]["held_out"] is False


def hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_inputs_give_the_same_bytes(encoder, int8, tmp_path, run_cli, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    done = run_cli("export", "--int8", "--model", encoder, "--output", tmp_path / "again.bundle")
    assert done.returncode == 0, done.stderr
    assert hashes(tmp_path / "again.bundle") == hashes(int8.path)


def test_no_file_names_a_folder_of_this_machine(int8, encoder):
    for path in int8.path.iterdir():
        content = path.read_bytes()
        for place in (encoder.parent, int8.path.parent, os.path.expanduser("~")):
            assert str(place).encode() not in content, path.name


def test_the_bundle_verifies(int8, classifier, tmp_path):
    found = verify(int8.path)
    assert (found.largest_difference, found.texts) == (0.0, 18)
    assert found.files == len(int8.manifest.files) == 12
    assert verify(export(Recipe(tmp_path / "b", model=str(classifier))).path).largest_difference == 0.0


def test_golden_answers_differ_between_precisions(encoder, int8, tmp_path):
    fp32 = export(Recipe(tmp_path / "fp32", model=str(encoder), precision="fp32"))
    first, second = (json.loads((bundle.path / GOLDEN).read_text()) for bundle in (int8, fp32))
    assert first["input_ids"] == second["input_ids"]
    difference = np.abs(np.subtract(first["outputs"]["onnxruntime"], second["outputs"]["onnxruntime"])).max()
    assert fp32.manifest.tolerance["onnxruntime"] < difference


def test_slim_leaves_out_the_baseline_but_was_compared_with_it(encoder, tmp_path):
    bundle = export(Recipe(tmp_path / "b", model=str(encoder), slim=True))
    assert not bundle.has(BASELINE)
    assert not (bundle.path / BASELINE).exists()
    assert bundle.manifest.accuracy["onnxruntime"]["cosine_mean"] > 0.98
    sizes = json.loads((bundle.path / "report.json").read_text())["bytes"]["onnxruntime"]
    assert sizes["fp32"] > sizes["model"] == bundle.manifest.files[MODEL].bytes


def test_targets(encoder, int8, tmp_path):
    arm = export(Recipe(tmp_path / "b", model=str(encoder), target="cpu-arm64"))
    x86 = export(Recipe(tmp_path / "c", model=str(encoder), target="cpu-x86"))
    assert (arm.manifest.scheme["onnxruntime"], x86.manifest.scheme["onnxruntime"]) == ("w8a8-dynamic", "w7a8-dynamic")
    assert hashes(arm.path)[MODEL] != hashes(x86.path)[MODEL]


def test_the_default_output_is_named_after_the_bundle(encoder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bundle = export(Recipe(model=str(encoder), precision="fp32", target="cpu-x86", name="my"))
    assert bundle.path.name == "my-fp32-cpu-x86.bundle"
    assert bundle.manifest.name == "my"


def test_an_existing_output_is_kept_unless_forced(encoder, int8, tmp_path):
    output = tmp_path / "b"
    output.mkdir()
    (output / "mine.txt").write_text("keep")
    recipe = Recipe(output, model=str(encoder), precision="fp32")
    with pytest.raises(InputError, match="exists: choose another output or pass --force"):
        export(recipe)
    assert (output / "mine.txt").read_text() == "keep"
    export(dataclasses.replace(recipe, force=True))
    assert open_bundle(output).manifest.precision == "fp32"
    assert not (output / "mine.txt").exists()


@pytest.mark.parametrize("stage", ["loading the checkpoint", "making the graphs", "writing the bundle"])
def test_an_interrupted_export_leaves_nothing(encoder, tmp_path, stage):
    def stop(found):
        if found == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(Recipe(tmp_path / "b", model=str(encoder)), stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_and_the_old_bundle(encoder, int8, tmp_path, monkeypatch):
    output = tmp_path / "b"
    export(Recipe(output, model=str(encoder), precision="fp32"))
    before = hashes(output)

    write = Path.write_bytes

    def full(path, content):
        if path.name == "model.onnx":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        export(Recipe(output, model=str(encoder), force=True))
    assert hashes(output) == before
    assert list(tmp_path.iterdir()) == [output]


def test_every_file_is_on_the_disk_before_the_bundle_appears(encoder, tmp_path, monkeypatch):
    output, flushed = tmp_path / "b", {}
    flush = os.fsync

    def observe(handle):
        assert not output.exists()
        flush(handle)
        flushed[os.fstat(handle).st_ino] = os.fstat(handle).st_size

    monkeypatch.setattr(os, "fsync", observe)
    bundle = export(Recipe(output, model=str(encoder), precision="fp32"))
    assert flushed == {path.stat().st_ino: path.stat().st_size for path in bundle.path.iterdir()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(encoder, tmp_path, number):
    command = [sys.executable, "-m", "edgebert.cli", "export", "--model", encoder, "--output", tmp_path / "b"]

    def heed() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job ignores it

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        assert any("making the graphs" in line for line in process.stderr)
        time.sleep(0.1)
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(timeout=60) == 128 + number
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []
