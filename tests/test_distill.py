"""Students of every task learn from their teacher, and `edgebert export` reads what is written."""

import dataclasses
import inspect
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from checkpoints import pooling, save_encoder
from training_data import asked, base, labelled, on_two_processes, scored, tagged, write_rows

import edgebert
from edgebert import cli
from edgebert.errors import CheckpointError, InputError
from edgebert.export import Recipe, export
from edgebert.export.train.distill import distill
from edgebert.export.train.distill_settings import TRAINING, Distill
from edgebert.export.train.finetune import Finetune, finetune
from edgebert.export.train.report import Report
from edgebert.export.train.settings import Training
from edgebert.export.train.students import Shape

ROWS = {"classify": labelled, "tag": tagged, "answer": asked, "embed": scored}


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A function that gives a folder with a teacher of a task, its training rows and its dev rows."""
    made: dict[str, Path] = {}

    def teach(task: str) -> Path:
        if task not in made:
            folder = tmp_path_factory.mktemp(task)
            modules = {**pooling("mean_tokens"), "Normalize": {}} if task == "embed" else None
            encoder = base(folder / "base", modules=modules, num_hidden_layers=4)
            train = write_rows(folder / "train.jsonl", ROWS[task](200))
            dev = write_rows(folder / "dev.jsonl", ROWS[task](80, seed=50))
            training = Training(epochs=6, learning_rate=3e-3, batch_size=16, max_tokens=40)
            finetune(Finetune(task, str(train), folder / "teacher", str(encoder), str(dev), training=training))
            made[task] = folder
        return made[task]

    return teach


def settings_for(folder: Path, output: Path, shape: Shape | None = None, **more: object) -> Distill:
    training = more.pop("training", Training(epochs=3, learning_rate=2e-3, batch_size=16, max_tokens=40))
    return Distill(
        (str(folder / "teacher"),),
        str(folder / "train.jsonl"),
        output,
        shape or Shape(2),
        dev=str(folder / "dev.jsonl"),
        training=training,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def of(report: Report) -> tuple[float, float]:
    assert report.teacher is not None
    return report.kept.metrics[report.metric], report.teacher.metrics[report.metric]


@pytest.mark.parametrize("task", ["classify", "tag", "answer", "embed"])
def test_every_task_is_learned(taught, tmp_path, task):
    student, teacher = of(distill(settings_for(taught(task), tmp_path / "out")))
    assert student > teacher - 0.15
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["num_hidden_layers"] == 2


def test_every_loss_and_unlabelled_and_changed_texts(taught, tmp_path):
    texts = tmp_path / "more.txt"
    texts.write_text("turn on the light\n\nplay music please\n")
    losses = dict.fromkeys(("logits", "labels", "hidden", "attention", "relations"), 1.0)
    settings = settings_for(taught("classify"), tmp_path / "out", losses=losses, unlabelled=str(texts), augment=2)
    report = distill(settings)
    assert report.examples == 3 * 202
    student, teacher = of(report)
    assert student > teacher - 0.1
    assert report.teacher is not None and report.teacher.p_value is not None
    right = round(student * 80), round(teacher * 80)
    assert right[1] - right[0] == report.teacher.lost - report.teacher.won
    assert "McNemar's exact test p = " in (tmp_path / "out" / "training.md").read_text()
    bundle = export(Recipe(output=tmp_path / "bundle", model=str(tmp_path / "out")))
    model = edgebert.load(bundle.path)
    found = [answer["label"] for answer in model.classify([row["text"] for row in labelled(80, seed=50)])]
    expected = [row["label"] for row in labelled(80, seed=50)]
    assert np.mean([one == other for one, other in zip(found, expected, strict=True)]) > student - 0.1


@pytest.mark.parametrize("task", ["classify", "embed"])
def test_a_narrow_student(taught, tmp_path, task):
    shape = Shape(2, hidden=16, heads=2, ffn=32)
    losses = {"mse": 1.0, "cosine": 1.0, "hidden": 1.0} if task == "embed" else {"logits": 1.0, "relations": 1.0}
    training = Training(epochs=8, learning_rate=5e-3, batch_size=16)
    report = distill(settings_for(taught(task), tmp_path / "out", shape, losses=losses, training=training))
    student, teacher = of(report)
    assert student > (0.5 * teacher if task == "embed" else 0.8)
    model = transformers.AutoModel.from_pretrained(tmp_path / "out")
    assert (model.config.hidden_size, model.config.intermediate_size) == (16, 32)


def test_pruned_students_are_exported(taught, tmp_path):
    domain = tmp_path / "domain.txt"
    domain.write_text("turn on the light\n")
    rows = [row for row in labelled(300) if "battery" not in row["text"]]
    settings = settings_for(taught("classify"), tmp_path / "out", prune_vocabulary=domain, prune_ffn=40)
    train = write_rows(tmp_path / "train.jsonl", rows)
    dev = write_rows(tmp_path / "dev.jsonl", rows[:40] + labelled(80, seed=5))
    report = distill(dataclasses.replace(settings, train=str(train), dev=str(dev)))
    student, teacher = of(report)
    assert student > teacher - 0.1
    known = {row["text"] for row in rows}
    assert report.repeated == 40 + sum(row["text"] in known for row in labelled(80, seed=5))
    bundle = export(Recipe(output=tmp_path / "bundle", model=str(tmp_path / "out")))
    assert bundle.manifest.shape.intermediate == 40
    assert bundle.manifest.shape.vocabulary == 99
    # "battery" stands in no text: it falls into pieces, not into [UNK]
    assert "[UNK]" not in edgebert.load(bundle.path).tokenizer.encode("battery").tokens


def test_fewer_heads(taught, tmp_path):
    student, teacher = of(distill(settings_for(taught("classify"), tmp_path / "out", prune_heads=2)))
    assert student > teacher - 0.15
    model = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "out")
    assert model.bert.encoder.layer[0].attention.self.query.out_features == 16
    bundle = export(Recipe(output=tmp_path / "bundle", model=str(tmp_path / "out")))
    assert bundle.manifest.engines == ("onnxruntime",)  # the native engine expects every head


def test_int8_in_the_last_epochs(taught, tmp_path):
    report = distill(settings_for(taught("classify"), tmp_path / "out", quantization_aware=1))
    assert report.kept.history.best == 3
    student, teacher = of(report)
    assert student > teacher - 0.15
    assert type(transformers.BertForSequenceClassification.from_pretrained(tmp_path / "out")).__name__.startswith(
        "Bert"
    )


def test_two_teachers_are_averaged(taught, tmp_path):
    folder = taught("classify")
    settings = settings_for(folder, tmp_path / "one", losses={"logits": 1.0})
    distill(settings)
    twice = dataclasses.replace(settings, teachers=settings.teachers * 2, output=tmp_path / "two")
    distill(twice)
    one, two = (
        transformers.BertForSequenceClassification.from_pretrained(tmp_path / name).state_dict()
        for name in ("one", "two")
    )
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one if not name.endswith("key.bias"))


def test_the_same_bits_twice_and_the_teacher_is_asked_once(taught, tmp_path, monkeypatch):
    module = sys.modules[distill.__module__]
    asked_for = []
    ask = module.ask_teachers
    monkeypatch.setattr(module, "ask_teachers", lambda *values: (asked_for.append(len(values[3])), ask(*values)))
    settings = settings_for(taught("classify"), tmp_path / "a", augment=1, seeds=2)
    distill(settings)
    assert asked_for == [400]
    distill(dataclasses.replace(settings, output=tmp_path / "b"))
    one, other = (
        transformers.BertForSequenceClassification.from_pretrained(tmp_path / name).state_dict() for name in "ab"
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_that_broke_off_goes_on_to_the_same_weights(taught, tmp_path, monkeypatch):
    from edgebert.export.train import loop

    settings = settings_for(taught("classify"), tmp_path / "whole", augment=1, prune_ffn=50, quantization_aware=1)
    settings = dataclasses.replace(settings, training=dataclasses.replace(settings.training, save_every=7))
    distill(settings)
    optimize, steps = loop.Loop._optimize, []

    def breaks(self, model, batch):
        steps.append(1)
        if len(steps) in (20, 50):
            raise KeyboardInterrupt
        return optimize(self, model, batch)

    monkeypatch.setattr(loop.Loop, "_optimize", breaks)
    broken = dataclasses.replace(settings, output=tmp_path / "broken", resume=True)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            distill(broken)
    distill(broken)
    one, other = (
        transformers.BertForSequenceClassification.from_pretrained(tmp_path / name).state_dict()
        for name in ("whole", "broken")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"losses": {"charm": 1.0}}, "there is no loss 'charm' for this task: choose of logits, labels, hidden"),
        ({"losses": {"mse": 1.0}}, "there is no loss 'mse'"),
        ({"losses": {"logits": -1.0}}, "the loss 'logits' has the weight -1"),
        ({"losses": {"logits": 0.0}}, "all losses have the weight 0"),
        ({"shape": Shape(9)}, "a student of 9 layers cannot be cut from a teacher of 4"),
        ({"prune_ffn": 1000}, "a feed-forward width of 1000: give 1 to 96"),
        ({"augment": 1, "augment_by": ("rhyme",)}, "cannot be augmented by 'rhyme'"),
    ],
)
def test_what_cannot_be_distilled(taught, tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        distill(settings_for(taught("classify"), tmp_path / "out", **more))
    assert not (tmp_path / "out").exists()


def test_settings_that_exclude_each_other(tmp_path):
    with pytest.raises(InputError, match="give at most the number of epochs"):
        Distill(("a",), "b.jsonl", tmp_path / "out", Shape(2), quantization_aware=9)
    with pytest.raises(InputError, match="temperature is 0"):
        Distill(("a",), "b.jsonl", tmp_path / "out", Shape(2), temperature=0.0)


def test_teachers_that_disagree_and_one_that_is_none(taught, tmp_path):
    settings = settings_for(taught("classify"), tmp_path / "out")
    other = str(taught("tag") / "teacher")
    with pytest.raises(InputError, match="teachers must agree"):
        distill(dataclasses.replace(settings, teachers=(*settings.teachers, other)))
    folder = save_encoder(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text()) | {"architectures": ["BertForMaskedLM"]}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="is a BertForMaskedLM: a teacher classifies"):
        distill(dataclasses.replace(settings, teachers=(str(folder),)))


@pytest.mark.slow
def test_two_processes_distill_as_one_does(taught, tmp_path):
    folder = taught("embed")
    flags = ["--layers", 1, "--epochs", 2, "--learning-rate", 2e-3, "--batch-size", 16]
    paths = ["--teacher", folder / "teacher", "--train", folder / "train.jsonl", "--dev", folder / "dev.jsonl"]
    report = on_two_processes("distill", *flags, *paths, "--output", tmp_path / "two")
    training = Training(epochs=2, learning_rate=2e-3, batch_size=16)
    alone = distill(settings_for(folder, tmp_path / "one", Shape(1), training=training))
    assert report["runs"][0]["history"]["processes"] == 2
    assert report["metrics"]["spearman"] == pytest.approx(alone.kept.metrics["spearman"], abs=0.05)
    losses = [epoch.loss for epoch in alone.kept.history.epochs]
    assert [epoch["loss"] for epoch in report["runs"][0]["history"]["epochs"]] == pytest.approx(losses, rel=0.05)


def test_the_command_line(taught, tmp_path, run):
    folder = taught("classify")
    paths = ["--teacher", folder / "teacher", "--train", folder / "train.jsonl", "--dev", folder / "dev.jsonl"]
    flags = [
        "--layers",
        2,
        "--keep",
        "0,3",
        "--epochs",
        1,
        "--losses",
        "logits=1,hidden=0.5",
        "--output",
        tmp_path / "out",
    ]
    done = run("distill", *paths, *flags)
    assert done.returncode == 0, done.stderr
    words = done.stdout.decode()
    assert "accuracy of the teacher: " in words and "McNemar p = " in words
    assert words.splitlines()[-1] == f"next: edgebert export --model {tmp_path / 'out'}"
    for more, code in ((["--losses", "logits=much"], 2), (["--keep", "a"], 2), (["--keep", "0"], 1)):
        done = run("distill", *paths, *flags, "--force", *more, "--quiet")
        assert done.returncode == code and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("verb", "training"),
    [
        (cli.distill, TRAINING),
        (cli.compare_students, TRAINING),
        (cli.finetune, Training()),
    ],
)
def test_the_command_line_trains_as_python_does(verb, training):
    defaults = inspect.signature(verb).parameters
    assert defaults["epochs"].default == training.epochs
    assert defaults["learning_rate"].default == training.learning_rate
