"""Each task learns, and its checkpoint is what transformers, sentence-transformers and `edgebert export` read."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from checkpoints import pooling, save_encoder
from training_data import asked, base, labelled, scored, tagged, write_rows

import edgebert
from edgebert.errors import CheckpointError, InputError
from edgebert.export import Recipe, export
from edgebert.export.train.finetune import Finetune, finetune
from edgebert.export.train.report import Report
from edgebert.export.train.settings import Training
from edgebert.export.train.watch import Silent


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return base(tmp_path_factory.mktemp("c") / "base")


def trained(task: str, encoder: Path, folder: Path, rows, **training: object) -> Report:
    """Train on half of the rows and judge on the rest."""
    train = write_rows(folder / "train.jsonl", rows[: len(rows) // 2])
    dev = write_rows(folder / "dev.jsonl", rows[len(rows) // 2 :])
    settings = Training(**{"epochs": 6, "learning_rate": 3e-3, "batch_size": 16, **training})
    return finetune(
        Finetune(
            task=task, train=str(train), dev=str(dev), model=str(encoder), output=folder / "out", training=settings
        )
    )


def test_classify_learns_and_exports(encoder, tmp_path):
    report = trained("classify", encoder, tmp_path, labelled(400))
    assert report.kept.metrics["accuracy"] > 0.9
    bundle = export(Recipe(output=tmp_path / "bundle", model=str(tmp_path / "out"), precision="fp32"))
    model = edgebert.load(bundle.path)
    rows = labelled(50, seed=5)
    found = [answer["label"] for answer in model.classify([row["text"] for row in rows])]
    assert np.mean([label == row["label"] for label, row in zip(found, rows, strict=True)]) > 0.9


def test_classify_with_several_labels(encoder, tmp_path):
    rows = [
        {
            "text": row["text"],
            "labels": sorted({row["label"], "loud"} if "up" in row["text"].split() else {row["label"]}),
        }
        for row in labelled(400)
    ]
    report = trained("classify", encoder, tmp_path, rows, epochs=12)
    assert report.kept.metrics["micro_f1"] > 0.9
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    assert list(config["label2id"]) == ["kitchen", "light", "loud", "music"]


def test_tag_learns(encoder, tmp_path):
    report = trained("tag", encoder, tmp_path, tagged(160))
    assert report.kept.metrics["entity_f1"] > 0.95
    pipeline = transformers.pipeline("token-classification", str(tmp_path / "out"), aggregation_strategy="simple")
    (found,) = pipeline("turn on kitchen light now")
    assert (found["entity_group"], found["word"]) == ("X", "kitchen light")


def test_answer_learns_with_windows(encoder, tmp_path):
    report = trained("answer", encoder, tmp_path, asked(300), max_tokens=20, epochs=10)
    assert report.kept.metrics["exact_match"] > 0.8
    assert report.examples > 150  # windows
    model = transformers.BertForQuestionAnswering.from_pretrained(tmp_path / "out")
    assert model.qa_outputs.out_features == 2


def test_embed_learns_scores_and_sentence_transformers_reads_it(tmp_path):
    encoder = base(tmp_path / "base", modules={**pooling("mean_tokens"), "Normalize": {}})
    report = trained("embed", encoder, tmp_path, scored(400))
    assert report.kept.metrics["spearman"] > 0.5
    sentence_transformers = pytest.importorskip("sentence_transformers")
    texts = ["turn on the light", "stop the music now please"]
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "out"), device="cpu").encode(texts)
    bundle = export(Recipe(output=tmp_path / "bundle", model=str(tmp_path / "out"), precision="fp32"))
    ours = edgebert.load(bundle.path).encode(texts)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.linalg.norm(ours, axis=1) == pytest.approx(1, abs=1e-5)


def test_embed_learns_labels(tmp_path):
    report = trained("embed", base(tmp_path / "base"), tmp_path, labelled(300))
    assert report.metric == "nearest_accuracy"
    assert report.kept.metrics["nearest_accuracy"] > 0.9


def test_seeds_are_compared_and_the_best_is_kept(encoder, tmp_path):
    rows = labelled(80)
    train, dev = write_rows(tmp_path / "a.jsonl", rows[:40]), write_rows(tmp_path / "b.jsonl", rows[40:])
    report = finetune(
        Finetune(
            "classify",
            str(train),
            tmp_path / "out",
            str(encoder),
            str(dev),
            seeds=3,
            training=Training(epochs=2, learning_rate=1e-3),
        )
    )
    values = [run.metrics["accuracy"] for run in report.runs]
    assert [run.seed for run in report.runs] == [0, 1, 2]
    assert report.kept.metrics["accuracy"] == max(values)
    mean, spread = report.means["accuracy"]
    assert mean == pytest.approx(np.mean(values)) and spread == pytest.approx(np.std(values, ddof=1))
    document = json.loads((tmp_path / "out" / "training.json").read_text())
    assert document["seeds"]["accuracy"] == {"mean": pytest.approx(mean), "deviation": pytest.approx(spread)}
    assert sum(each["texts"] for each in document["confusions"]) == round(40 * (1 - max(values)))
    assert (tmp_path / "out" / "training.png").read_bytes().startswith(b"\x89PNG")
    assert f"seed {report.kept.seed}" in (tmp_path / "out" / "training.md").read_text()


def test_dev_examples_that_are_trained_on_are_counted(encoder, tmp_path):
    rows = labelled(60)
    told = []

    class Told(Silent):
        def stage(self, name: str) -> None:
            told.append(name)

    train, dev = write_rows(tmp_path / "a.jsonl", rows[:40]), write_rows(tmp_path / "b.jsonl", rows[35:])
    settings = Finetune("classify", str(train), tmp_path / "out", str(encoder), str(dev), training=Training(epochs=1))
    finetune(settings, Told())
    texts = [row["text"] for row in rows]
    repeated = sum(text in texts[:40] for text in texts[35:])
    assert repeated >= 5
    assert f"{repeated} of the 25 dev examples are in the training data too" in told
    assert json.loads((tmp_path / "out" / "training.json").read_text())["dev_examples_repeated"] == repeated
    assert f"{repeated} of the dev examples" in (tmp_path / "out" / "training.md").read_text()


def test_an_output_that_exists_is_refused_before_the_work(encoder, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"out exists: choose another output or pass --force"):
        Finetune("classify", str(tmp_path / "none.jsonl"), tmp_path / "out", str(encoder))


def test_seeds_need_dev_data(tmp_path):
    with pytest.raises(InputError, match="need dev data"):
        Finetune("classify", "a.jsonl", tmp_path / "out", seeds=3)


def test_a_checkpoint_without_some_of_its_encoder(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = save_encoder(tmp_path / "tiny")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks the weight 'bert\.encoder\.layer\.1\.output\.dense\.weight'"):
        trained("classify", folder, tmp_path, labelled(20))


def test_the_command_line(encoder, tmp_path, run):
    train = write_rows(
        tmp_path / "train.jsonl", [{"sentence": row["text"], "label": row["label"]} for row in labelled(60)]
    )
    flags = ["--task", "classify", "--train", train, "--dev", train, "--model", encoder, "--output", tmp_path / "out"]
    more = ["--columns", "text=sentence", "--epochs", 2, "--learning-rate", 1e-3]
    done = run("finetune", *flags, *more)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert (
        lines[0].startswith(f"{tmp_path / 'out'}: 60 examples, ")
        and lines[-1] == f"next: edgebert export --model {tmp_path / 'out'}"
    )
    assert [line.split(":")[1] for line in done.stderr.decode().splitlines()] == [
        " reading the data", " 60 of the 60 dev examples are in the training data too", " training with seed 0",
        " epoch 1", " epoch 2", " writing the checkpoint"
    ]  # fmt: skip
    done = run("finetune", *flags, *more, "--force", "--json", "--quiet")
    assert done.stderr == b"" and json.loads(done.stdout)["examples"] == 60


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--task", "translate"], 1, "task is 'translate': choose one of classify, tag, answer, embed"),
        (["--task", "classify", "--columns", "text"], 2, "--columns is 'text'"),
        (["--task", "classify", "--columns", "text=words"], 1, "train.jsonl:1: there is no column 'words'"),
        (["--task", "classify", "--freeze", "9"], 1, "'9' cannot be frozen: the model has the layers 0 to 1"),
        (["--task", "classify", "--max-tokens", "999"], 1, "max_tokens is 999, but"),
        (["--task", "tag"], 1, "train.jsonl:1: there is no column 'tokens'"),
        (["--task", "answer"], 1, "train.jsonl:1: there is no column 'question'"),
    ],
)
def test_bad_usage_is_one_line(encoder, tmp_path, run, flags, code, words):
    train = write_rows(tmp_path / "train.jsonl", labelled(5))
    done = run("finetune", "--train", train, "--model", encoder, "--output", tmp_path / "out", "--quiet", *flags)
    assert (done.returncode, done.stdout) == (code, b"")
    assert words in done.stderr.decode() and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_pairs_of_texts_reach_the_model_apart(encoder, tmp_path):
    rows = [{"text_a": row["text"], "text_b": "the light", "label": row["label"]} for row in labelled(60)]
    trained("classify", encoder, tmp_path, rows, epochs=1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    model = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "out")
    with torch.inference_mode():
        one = model(**tokenizer("stop", "the light", return_tensors="pt")).logits
    assert one.shape == (1, 3)
