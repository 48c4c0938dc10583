"""The real MiniLM, the examples, and real data where it is present."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgebert
from edgebert.export import Recipe, export
from edgebert.export.checkpoint import demo_checkpoint
from edgebert.loader import load_bundle
from edgebert.texts import read_texts
from edgebert.verify import verify

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return export(Recipe(tmp_path_factory.mktemp("real") / "minilm.bundle"))


def builtin():
    return list(read_texts(ROOT / "edgebert" / "data" / "texts.txt"))


def test_int8_is_near_fp32_and_a_quarter_of_its_size(bundle):
    accuracy, files = bundle.manifest.accuracy, bundle.manifest.files
    for engine, suffix, mean, least in (("native", "edgebert", 0.998, 0.988), ("onnxruntime", "onnx", 0.995, 0.97)):
        assert accuracy[engine]["cosine_mean"] >= mean
        assert accuracy[engine]["cosine_min"] >= least
        assert files[f"model.{suffix}"].bytes < 0.27 * files[f"model.fp32.{suffix}"].bytes
        assert verify(bundle.path, engine).largest_difference == 0.0


def test_fp32_vectors_are_those_of_pytorch(bundle):
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(demo_checkpoint()).eval()
    tokenizer = AutoTokenizer.from_pretrained(demo_checkpoint())
    encoder = load_bundle(bundle, baseline=True)
    texts = builtin()[::20]
    for text, vector in zip(texts, encoder.encode(texts), strict=True):
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
        with torch.inference_mode():
            expected = model(**inputs).last_hidden_state[0].mean(0).numpy()
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=2e-6)


def test_alone_equals_in_a_batch(bundle):
    model = edgebert.load(bundle.path)
    texts = builtin()[:64]
    alone = np.stack([model.encode(text) for text in texts])
    assert model.encode(texts, batch_size=16).tobytes() == alone.tobytes()
    assert model.encode(texts[::-1])[::-1].tobytes() == alone.tobytes()


def spearman(a, b):
    ranks = [np.unique(each, return_inverse=True, return_counts=True) for each in (a, b)]
    middle = [(np.cumsum(counts) - (counts - 1) / 2)[inverse] for _, inverse, counts in ranks]
    return 100 * np.corrcoef(*middle)[0, 1]


# share of sentences with a cosine to FP32 under 0.995; the whole test set is for benchmarks/stsb.py
@pytest.mark.parametrize(
    ("engine", "mean", "least", "share"), [("native", 0.998, 0.988, 0.02), ("onnxruntime", 0.99, 0.95, 1)]
)
@pytest.mark.skipif(not (DATA / "stsb").is_dir(), reason="needs ../shared/data/stsb")
def test_stsb(bundle, engine, mean, least, share):
    lines = (DATA / "stsb" / "test.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line][::4]
    scores = [row["score"] for row in rows]
    found = {}
    for baseline in (True, False):
        model = load_bundle(bundle, None if baseline else engine, threads=2, baseline=baseline)
        a, b = (model.encode([row[side] for row in rows]) for side in ("text_a", "text_b"))
        found[baseline] = spearman((a * b).sum(1), scores), np.concatenate([a, b])
    assert abs(found[True][0] - found[False][0]) < 1.0
    cosines = (found[True][1] * found[False][1]).sum(1)
    assert cosines.mean() >= mean and cosines.min() >= least
    assert (cosines < 0.995).mean() <= share


def test_quickstart(bundle, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["quickstart.py", str(bundle.path)])
    example = runpy.run_path(str(EXAMPLES / "quickstart.py"), run_name="example")
    example["main"](str(bundle.path))
    similarity = np.array([line.split()[:4] for line in capsys.readouterr().out.splitlines()], float)
    assert similarity.shape == (4, 4)
    assert min(similarity[0, 1], similarity[2, 3]) > max(similarity[0, 2], similarity[1, 3])


def test_device_commands(tmp_path):
    command = [sys.executable, EXAMPLES / "device_commands" / "train.py", "--output", tmp_path, "--epochs", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    share = float(done.stdout.split("INT8: ")[1].split("%")[0])
    assert share > 50  # 18 intents, so 6 % by chance
    assert "switch the lamp in the hallway" in done.stdout
    report = json.loads((tmp_path / "int8.bundle" / "report.json").read_text())
    assert report["accuracy"]["native"]["agreement"] >= 0.97


@pytest.mark.skipif(not (DATA / "clinc150").is_dir(), reason="needs ../shared/data/clinc150")
def test_unknown_intents_are_rejected_more_often(tmp_path):
    """A classifier of two intents of CLINC150, trained a little, rejects out-of-scope texts by their score."""
    lines = (DATA / "clinc150" / "train.jsonl").read_text(encoding="utf-8").split("\n")
    wanted = ("translate", "balance", "timer", "weather", "alarm", "spelling")
    rows = [row for row in map(json.loads, filter(None, lines)) if row["label"] in wanted]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, EXAMPLES / "device_commands" / "train.py", "--epochs", "2"]
    command += ["--train", tmp_path / "train.jsonl", "--test", tmp_path / "train.jsonl", "--output", tmp_path]
    subprocess.run(list(map(str, command)), capture_output=True, check=True, timeout=600)
    model = edgebert.load(tmp_path / "int8.bundle")
    known = [row["text"] for row in rows[::10]]
    unknown = list(read_texts(DATA / "clinc150" / "oos_test.jsonl"))[::10]
    rejected = [
        np.mean([answer["label"] is None for answer in model.classify(texts, min_score=0.6)])
        for texts in (known, unknown)
    ]
    assert rejected[0] < 0.2
    assert rejected[1] > rejected[0] + 0.15
