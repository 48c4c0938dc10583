"""Students beside their teacher and the mean of word vectors: a whole comparison, its parts, and what it refuses."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from checkpoints import pooling, save_classifier, save_encoder, save_tagger
from hypothesis import given
from hypothesis import strategies as st
from training_data import ROOMS, labelled, scored, tagged, write_rows

import edgebert
from edgebert.bundle import open_bundle
from edgebert.errors import CheckpointError, InputError
from edgebert.export import CompareStudents, compare_students
from edgebert.export.compare import read_students
from edgebert.export.compare import run as comparing
from edgebert.export.compare.pareto import front
from edgebert.export.train import Training
from edgebert.loader import load_bundle

FAST = Training(epochs=1, learning_rate=1e-3, batch_size=16)
SMALL = {"layers": 1, "hidden": 16, "heads": 2}
FILES = {"comparison.json", "comparison.md", "comparison.png", "calibration.jsonl", "teacher.bundle"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    save_classifier(folder / "teacher", list(ROOMS), num_hidden_layers=4)
    for name, count, seed in (("train", 60, 0), ("dev", 20, 9), ("test", 40, 5)):
        write_rows(folder / f"{name}.jsonl", labelled(count, seed))
    return folder


def settings_for(data: Path, output: Path, **more: object) -> CompareStudents:
    files = {name: str(data / f"{name}.jsonl") for name in ("train", "dev", "test")}
    known = {"teacher": str(data / "teacher"), **files, "output": output, "training": FAST, "rounds": 1}
    return CompareStudents(**{**known, "students": {"one": {"layers": 1}}, **more})  # type: ignore[arg-type]


def accuracy(bundle: Path, rows: list[dict[str, object]], baseline: bool) -> float:
    model = load_bundle(open_bundle(bundle), baseline=baseline)
    assert isinstance(model, edgebert.Classifier)
    found = [answer["label"] for answer in model.classify([str(row["text"]) for row in rows])]
    return 100 * float(np.mean([label == row["label"] for label, row in zip(found, rows, strict=True)]))


def test_a_comparison_from_the_command_line(data, tmp_path, run):
    output = tmp_path / "out"
    sources = [part for name in ("train", "dev", "test") for part in (f"--{name}", data / f"{name}.jsonl")]
    students = ["--student", "layers=2,prune-ffn=40", "--student", "name=small,layers=1,hidden=16,heads=2,epochs=2"]
    loop = ["--epochs", 1, "--batch-size", 16, "--rounds", 2, "--distill", "losses.logits=1"]
    done = run("compare-students", "--teacher", data / "teacher", *sources, *students, *loop, "-o", output)
    assert done.returncode == 0, done.stderr
    assert done.stderr.decode().splitlines()[0] == "edgebert: teacher"
    names = ["teacher", "layers-2-prune-ffn-40", "small", "static"]
    assert {path.name for path in output.iterdir()} == FILES | {
        name for student in names[1:3] for name in (student, f"{student}.bundle")
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    document = json.loads((output / "comparison.json").read_text())
    rows = document["rows"]
    assert [row["name"] for row in rows] == names
    assert [(row["layers"], row["width"]) for row in rows] == [(4, 32), (2, 32), (1, 16), (0, 32)]
    assert rows[1]["settings"] == {"layers": 2, "prune_ffn": 40}
    assert open_bundle(output / rows[1]["bundle"]).manifest.shape.intermediate == 40
    provenance = open_bundle(output / "small.bundle").manifest.provenance
    assert json.loads(provenance["distillation"])["losses"] == {"logits": 1.0}
    assert json.loads(provenance["distillation"])["training"]["epochs"] == 2
    check_numbers(output, rows, document["test_texts"])
    shown = done.stdout.decode()
    assert all(name in shown for name in ("small", "static", "McNemar p", "95 % interval"))
    table = (output / "comparison.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in table[4:8]] == [f"| {name}" for name in names]
    assert (output / "comparison.png").read_bytes().startswith(b"\x89PNG")


def check_numbers(output: Path, rows: list[dict], texts: int) -> None:
    """Compute the numbers of a comparison anew from its bundles."""
    tested = labelled(texts, seed=5)
    reference = rows[0]["fp32"]["score"]["value"]
    assert rows[0]["fp32"]["score"]["drop"] is None and rows[0]["fp32"]["times_faster"] is None
    for row in rows[:-1]:
        for precision in ("fp32", "int8"):
            found = row[precision]
            score = accuracy(output / row["bundle"], tested, precision == "fp32")
            assert found["score"]["value"] == pytest.approx(score)
            assert found["score"]["low"] < score + 1e-9 and score - 1e-9 < found["score"]["high"]
            assert found["latency_ms"]["value"] > 0
        assert row["int8"]["score"]["drop"]["drop"] == pytest.approx(reference - score)
        assert row["int8"]["model_bytes"] == (output / row["bundle"] / "model.edgebert").stat().st_size
    points = [(row["int8"]["latency_ms"]["value"], row["int8"]["score"]["value"]) for row in rows]
    assert [row["on_front"] for row in rows] == [not beaten(point, points) for point in points]


def beaten(point: tuple[float, float], points: list[tuple[float, float]]) -> bool:
    return any(cost <= point[0] and worth >= point[1] and (cost, worth) != point for cost, worth in points)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_the_front_is_what_nothing_beats(points):
    assert front(points) == [not beaten(point, points) for point in points]


def test_vectors_and_students_that_nobody_named(tmp_path):
    save_encoder(tmp_path / "teacher", {**pooling("cls_token"), "Normalize": {}}, num_hidden_layers=3)
    for name in ("train", "dev", "test"):
        write_rows(tmp_path / f"{name}.jsonl", scored(30, len(name)))
    report = compare_students(settings_for(tmp_path, tmp_path / "out", students={}))
    assert [row.name for row in report.rows] == ["teacher", "layers-2", "layers-1", "static"]
    assert report.metric == "Spearman"
    assert [row.int8.score.drop.p_value for row in report.rows if row.int8.score.drop] == [None] * 4
    model = edgebert.load(tmp_path / "out" / "teacher.bundle")
    table = np.load(saved_table(tmp_path / "teacher", tmp_path / "table.npy"))
    cosines = []
    for row in scored(30, len("test")):
        first, second = (
            table[model.tokenizer.encode(str(row[side]), add_special_tokens=False).ids].mean(axis=0)
            for side in ("text_a", "text_b")
        )
        cosines.append(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
    from scipy.stats import spearmanr

    expected = spearmanr(cosines, [row["score"] for row in scored(30, len("test"))]).statistic
    assert report.rows[-1].fp32.score.value == pytest.approx(100 * expected, abs=1e-3)


def saved_table(checkpoint: Path, path: Path) -> Path:
    from transformers import BertModel

    np.save(path, BertModel.from_pretrained(checkpoint).get_input_embeddings().weight.detach().numpy())
    return path


def test_seeds(data, tmp_path):
    report = compare_students(settings_for(data, tmp_path / "out", seeds=2))
    row = report.rows[1]
    assert len(row.int8.seeds.scores) == 2 and row.bundle == f"one.seed-{row.seed}.bundle"
    by_seed = [accuracy(tmp_path / "out" / f"one.seed-{seed}.bundle", labelled(40, 5), False) for seed in (0, 1)]
    assert row.int8.seeds.scores == pytest.approx(tuple(by_seed))
    assert row.int8.seeds.mean == pytest.approx(np.mean(by_seed))
    assert row.int8.seeds.deviation == pytest.approx(np.std(by_seed, ddof=1))
    kept = [json.loads((tmp_path / "out" / f"one.seed-{seed}" / "training.json").read_text()) for seed in (0, 1)]
    best = [document["metrics"]["accuracy"] for document in kept]
    assert row.seed == int(np.argmax(best)) and row.int8.score.value == pytest.approx(by_seed[row.seed])
    assert "2 seeds a student" in (tmp_path / "out" / "comparison.md").read_text()


def test_tags_have_no_static_row(tmp_path):
    save_tagger(tmp_path / "teacher", ["O", "B-X", "I-X"], num_hidden_layers=2)
    for name in ("train", "dev", "test"):
        write_rows(tmp_path / f"{name}.jsonl", tagged(20, len(name)))
    report = compare_students(settings_for(tmp_path, tmp_path / "out"))
    assert [row.name for row in report.rows] == ["teacher", "one"]
    assert report.metric == "entity F1"
    assert [note.what for note in report.not_measured] == ["static"]


class _Killed(Exception):
    pass


def test_what_was_cut_off_goes_on_with_what_is_finished(data, tmp_path, monkeypatch):
    settings = settings_for(data, tmp_path / "out", students={"one": {"layers": 1}, "two": {"layers": 2}})
    run_chain, done = comparing.run_chain, []

    def cut(chain, shows):
        if chain.distill is not None:
            done.append(chain.distill.output.name)
            if chain.distill.output.name == "two" and len(done) == 2:
                raise _Killed
        return run_chain(chain, shows)

    monkeypatch.setattr(comparing, "run_chain", cut)
    with pytest.raises(_Killed):
        compare_students(settings)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match=r"begun with other settings \(layers was 1, is now 2\): repeat them"):
        compare_students(dataclasses.replace(settings, students={"one": {"layers": 2}}, resume=True))
    report = compare_students(dataclasses.replace(settings, resume=True, rounds=2))
    assert done == ["one", "two", "two"]
    assert [row.name for row in report.rows] == ["teacher", "one", "two", "static"]
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    (tmp_path / "whole").mkdir()
    write_rows(tmp_path / "whole" / "old.jsonl", [])
    whole = compare_students(dataclasses.replace(settings, output=tmp_path / "whole", force=True))
    assert not (tmp_path / "whole" / "old.jsonl").exists()
    for name in ("one.bundle", "two.bundle"):
        ours, theirs = (tmp_path / place / name / "edgebert.json" for place in ("out", "whole"))
        assert ours.read_bytes() == theirs.read_bytes()
    assert [row.int8.score for row in report.rows] == [row.int8.score for row in whole.rows]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"students": {"a": {"layer": 2}}}, "student a: unknown key 'layer': it has unlabelled, "),
        ({"students": {"a": {"layers": "2"}}}, "student a: layers is '2', it must be a whole number"),
        ({"students": {"a": {"train": "x"}}}, "student a: unknown key 'train'"),
        ({"students": {"a": {"layers": 9}}}, "student a: a student of 9 layers cannot be cut from a teacher of 4"),
        ({"students": {"a": {}, "b": {"heads": 2}}}, "student b: another number of heads needs another width"),
        ({"students": {"a": {"prune_ffn": 400}}}, "student a: a feed-forward width of 400: give 1 to 96"),
        ({"students": {"a": {"prune_heads": 5}}}, "student a: 5 heads: give 1 to 4"),
        ({"students": {"a": {"losses": {"cosine": 1}}}}, "student a: there is no loss 'cosine' for this task"),
        ({"students": {"a": {"freeze": ["7"]}}}, "student a: '7' cannot be frozen"),
        ({"students": {"a": {"augment": 1, "augment_by": ["rhyme"]}}}, "student a: texts cannot be augmented by"),
        ({"students": {"a": {"augment": 1, "augment_by": ["mlm"]}}}, "student a: augmenting by mlm needs a checkpoint"),
        ({"students": {"a": {"temperature": 0}}}, "temperature is 0"),
        ({"students": {"a": {"unlabelled": "none.txt"}}}, r"cannot read none\.txt: there is no such file"),
        ({"students": {"../a": {}}}, r"a student is named '\.\./a'"),
        ({"students": {"teacher": {}}}, "a student is named 'teacher', which is another row"),
        ({"distill": {"epochs": 0}}, "epochs is 0"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": 2, "dev": None}, "several seeds need dev data"),
        ({"rounds": 0}, "rounds is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"train": "none.jsonl"}, r"cannot read none\.jsonl: there is no such file"),
        ({"test": "none.jsonl"}, r"cannot read none\.jsonl: there is no such file"),
        ({"calibration": "none.txt"}, r"cannot read none\.txt: there is no such file"),
    ],
)
def test_wrong_settings_are_said_before_anything_is_done(data, tmp_path, more, words):
    with pytest.raises(InputError, match=words):
        compare_students(settings_for(data, tmp_path / "out", **more))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("test", {"text": "a", "label": "no"}, r"test\.jsonl:41: the model does not know the label 'no'"),
        ("test", {"text": "", "label": "music"}, r"test\.jsonl:41: column 'text' is empty"),
        ("test", {"label": "music"}, r"test\.jsonl:41: there is no column 'text'"),
        ("test", {"text": "a", "label": ["music", "light"]}, r"test\.jsonl:41: there are 2 labels"),
        ("train", {"text": "a", "label": "no"}, r"train\.jsonl:61: the label 'no' is not among"),
        ("dev", {"text": "a"}, r"dev\.jsonl:21: there is no column 'label'"),
    ],
)
def test_a_bad_row_is_said_before_anything_is_done(data, tmp_path, name, row, words):
    path = tmp_path / f"{name}.jsonl"
    path.write_text((data / f"{name}.jsonl").read_text() + json.dumps(row) + "\n")
    with pytest.raises(InputError, match=words):
        compare_students(settings_for(data, tmp_path / "out", **{name: str(path)}))
    assert {left.name for left in tmp_path.iterdir()} == {path.name}


def test_teachers_and_outputs_that_cannot_be_used(data, tmp_path):
    with pytest.raises(CheckpointError, match="is not a checkpoint folder"):
        compare_students(settings_for(data, tmp_path / "out", teacher=str(data / "none")))
    value = save_classifier(tmp_path / "value", ["score"], "regression")
    with pytest.raises(CheckpointError, match="gives a value and no label"):
        compare_students(settings_for(data, tmp_path / "out", teacher=str(value)))
    single = save_classifier(tmp_path / "single", list(ROOMS), num_hidden_layers=1)
    with pytest.raises(InputError, match="a teacher of 1 layer has no students of fewer: name some"):
        compare_students(settings_for(data, tmp_path / "out", teacher=str(single), students={}))
    mlm = {"a": {"augment": 1, "augment_by": ["mlm"], "mlm": str(tmp_path / "none")}}
    with pytest.raises(CheckpointError, match="none is not a checkpoint folder"):
        compare_students(settings_for(data, tmp_path / "out", students=mlm))
    with pytest.raises(InputError, match="value exists: choose another output"):
        settings_for(data, value)
    assert {path.name for path in tmp_path.iterdir()} == {"value", "single"}


def test_students_are_read_from_flags():
    assert read_students(["layers=3", "name=a,layers=2,keep=0,3", "layers=3,losses.logits=1,prune-ffn=8"]) == {
        "layers-3": {"layers": 3},
        "a": {"layers": 2, "keep": (0, 3)},
        "layers-3-losses-logits-1-prune-ffn-8": {"layers": 3, "losses": {"logits": 1.0}, "prune_ffn": 8},
    }
    for texts, words in [
        (["layers=3", "layers=3"], "two students are named 'layers-3': give one of them another name with name="),
        (["name=a,layers=3", "name=a"], "two students are named 'a'"),
        (["name=a/b"], "a student is named 'a/b'"),
        (["layer=3"], "--student: unknown key 'layer': a student has name, "),
        (["3"], "--student is '3': give NAME=VALUE"),
        (["teachers=x"], "unknown key 'teachers'"),
    ]:
        with pytest.raises(InputError, match=words):
            read_students(texts)
