"""One recipe, or one line of flags, distills, exports and benches; what fails leaves nothing behind."""

import json
import re
import sys
from pathlib import Path

import pytest
from checkpoints import save_classifier
from training_data import ROOMS, labelled, write_rows

import edgebert
from edgebert.bench import Settings as BenchSettings
from edgebert.bundle import open_bundle
from edgebert.errors import CheckpointError, InputError
from edgebert.export import Recipe, read_recipe
from edgebert.export.chain import Chain, Shows, run_chain
from edgebert.export.chain_recipe import Flags, read_chain
from edgebert.export.checkpoint import load_checkpoint
from edgebert.export.recipe import read_recipe_file
from edgebert.export.tables import Table, hints_of
from edgebert.export.train import Distill, Shape, Training

RECIPE = """
model = "teacher"
output = "out.bundle"
{settings}
[distill]
layers = 2
train = "train.jsonl"
dev = "dev.jsonl"
epochs = 1
batch_size = 16
losses = {{ logits = 1, hidden = 0.5 }}
{distill}
{more}
"""
BENCH = "[bench]\nrounds = 2\nstarts = 1\nsample = 4\n"
TABLE = Table("--distill", "it", hints_of(Distill, Shape, Training, without=("output", "shape", "training")))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    save_classifier(folder / "teacher", list(ROOMS), num_hidden_layers=4)
    write_rows(folder / "train.jsonl", labelled(60))
    write_rows(folder / "dev.jsonl", labelled(20, seed=9))
    return folder


@pytest.fixture
def place(data, tmp_path):
    """A folder with a teacher and its data; all that comes to it is the chain's."""
    for found in data.iterdir():
        (tmp_path / found.name).symlink_to(found)
    return tmp_path


def write_recipe(place: Path, settings: str = "", distill: str = "", more: str = "") -> Path:
    path = place / "recipe.toml"
    path.write_text(RECIPE.format(settings=settings, distill=distill, more=more))
    return path


def chain_of(path: Path | None, distill: str | None = None, bench: str | None = None, **settings: object) -> Chain:
    data = {name: str(settings.pop(name)) for name in ("train", "dev") if name in settings}
    return read_chain(None if path is None else read_recipe_file(path), Flags(settings, distill, data, bench))


def left(place: Path) -> set[str]:
    """Return what a chain left in a place, hidden names too."""
    return {found.name for found in place.iterdir()} - {"teacher", "train.jsonl", "dev.jsonl", "recipe.toml"}


def test_a_recipe_distills_exports_and_benches(place, run_cli):
    recipe = write_recipe(place, more=BENCH)
    done = run_cli("export", "--recipe", recipe)
    assert done.returncode == 0, done.stderr
    words = done.stdout.decode()
    assert words.startswith("student (not kept): 60 examples")
    assert "accuracy of the teacher: " in words
    assert f"{place / 'out.bundle'}: teacher-2-layers, classify, int8 for cpu" in words
    assert "next: edgebert bench" not in words and "2 rounds." in words
    said = done.stderr.decode().splitlines()
    order = [said.index(f"edgebert: {stage}") for stage in ("reading the data", "loading the checkpoint")]
    assert order == sorted(order) and said[-1] == "edgebert: cold starts: done (4)"
    assert left(place) == {"out.bundle"}
    bundle = open_bundle(place / "out.bundle")
    assert bundle.manifest.shape.layers == 2
    teacher = load_checkpoint(str(place / "teacher"), "auto", "teacher")
    provenance = bundle.manifest.provenance
    assert provenance["teacher_weights_sha256"] == teacher.weights_sha256 != provenance["weights_sha256"]
    said_of = json.loads(provenance["distillation"])
    assert said_of["shape"]["layers"] == 2 and said_of["training"]["epochs"] == 1
    assert said_of["losses"] == {"logits": 1, "hidden": 0.5}
    assert re.fullmatch("sha256 [0-9a-f]{64}", said_of["train"])
    assert str(place) not in json.dumps(dict(provenance))
    assert [answer["label"] in ROOMS for answer in edgebert.load(bundle.path).classify(["turn on the light"])] == [True]


def test_flags_do_the_same_and_json_has_every_stage(place, run_cli):
    written = run_chain(chain_of(write_recipe(place, 'name = "same"'), bench="none"))
    flags = ["--distill", "layers=2,epochs=1,batch_size=16,losses.logits=1,losses.hidden=0.5", "--name", "same"]
    sources = ["--model", place / "teacher", "--train", place / "train.jsonl", "--dev", place / "dev.jsonl"]
    output = place / "by_flags.bundle"
    done = run_cli(
        "export", *flags, *sources, "-o", output, "--bench", "rounds=1,starts=1,sample=2", "--json", "--quiet"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    document = json.loads(done.stdout)
    assert document["distill"]["examples"] == 60 and document["bench"]["rounds"] == 1
    assert document["export"]["name"] == "same"
    assert {path.name: path.read_bytes() for path in output.iterdir()} == {
        path.name: path.read_bytes() for path in written.bundle.path.iterdir()
    }
    assert written.benched is None


def test_flags_win_over_the_file_and_a_student_is_kept(place):
    recipe = write_recipe(place, distill='student = "small"', more="[bench]\nrounds = 3\n")
    chain = chain_of(recipe, "layers=1,hidden=16,heads=2", "threads=2", slim=True)
    assert chain.distill is not None and chain.bench is not None
    assert (chain.distill.shape, chain.distill.output) == (Shape(1, hidden=16, heads=2), place / "small")
    assert (chain.distill.training.batch_size, chain.distill.training.learning_rate) == (16, 2e-4)
    assert (chain.bench.rounds, chain.bench.threads, chain.recipe.slim) == (3, 2, True)
    chain = chain_of(recipe, "layers=1", "none")
    done = run_chain(chain)
    assert chain.keep and left(place) == {"out.bundle", "small"}
    kept = load_checkpoint(str(place / "small"), "auto", "small")
    assert done.bundle.manifest.provenance["weights_sha256"] == kept.weights_sha256


def test_whether_there_is_a_benchmark(place):
    assert chain_of(write_recipe(place)).bench == BenchSettings()
    assert chain_of(write_recipe(place, "bench = false")).bench is None
    assert chain_of(write_recipe(place, 'target = "jetson"\ncalibration = "builtin"')).bench is None
    assert chain_of(None, model="m").bench is None
    alone = place / "alone.toml"
    alone.write_text('model = "teacher"\n[bench]\nrounds = 2\n')
    assert chain_of(alone).bench == BenchSettings(rounds=2)
    assert chain_of(alone).distill is None


def test_a_recipe_without_stages_is_as_it_was(place):
    path = place / "recipe.toml"
    path.write_text('model = "teacher"\nslim = true\n')
    assert chain_of(path, force=True) == Chain(Recipe(model=str(place / "teacher"), slim=True, force=True))
    assert read_recipe(path) == {"model": str(place / "teacher"), "slim": True}
    with pytest.raises(InputError, match=r"recipe\.toml does more than to export"):
        read_recipe(write_recipe(place))


@pytest.mark.parametrize(
    ("settings", "distill", "more", "words"),
    [
        ("", "layer = 2", "", r"recipe\.toml: unknown key 'layer': \[distill\] has teachers, train, "),
        ("", 'seeds = "2"', "", r"recipe\.toml: seeds is '2', it must be a whole number"),
        ("", "seeds = true", "", "seeds is True, it must be a whole number"),
        ("", "learning_rate = nan", "", "learning_rate is nan, it must be a number"),
        ("", f"learning_rate = 1{'0' * 400}", "", "learning_rate is 1000+, it must be a number"),
        ("", "keep = 3", "", "keep is 3, it must be a list"),
        ("", 'keep = ["a"]', "", "keep is 'a', it must be a whole number"),
        ("", "columns = { text = 3 }", "", "columns.text is 3, it must be a text"),
        ("", "columns = 3", "", "columns is 3, it must be a table of NAME = a text"),
        ("", "hidden = 0", "", "hidden is 0: give a whole number from 1"),
        ("", "temperature = 0", "", "temperature is 0"),
        ("", "resume = true", "", "resume goes on with a student that is kept"),
        ("", 'teachers = ["teacher"]', "", "model is the teacher already"),
        ("", 'student = "out.bundle"', "", "is the bundle's folder: give the student another"),
        ("", 'student = "teacher"', "", "teacher exists: choose another output"),
        ("", 'unlabelled = "none.txt"', "", r"cannot read .*none\.txt"),
        ("", "", "[bench]\nround = 3", r"recipe\.toml: unknown key 'round': \[bench\] has baseline, "),
        ("", "", "[bench]\nrounds = 0", "rounds is 0: give a whole number from 1"),
        ("", "", '[bench]\ntexts = "none.txt"', r"cannot read .*none\.txt"),
        ("bench = 3", "", "", "bench is 3, it must be a table or false"),
        ('calibration = "none.txt"', "", "", r"cannot read .*none\.txt"),
        ('max_drop = 1\nevaluate = "none.jsonl"', "", "", r"cannot read none\.jsonl"),
        ("static = true", "", "", "INT8 with fixed ranges needs texts"),
    ],
)
def test_wrong_settings_are_said_before_anything_is_done(place, settings, distill, more, words):
    with pytest.raises(InputError, match=words):
        chain_of(write_recipe(place, settings, distill, more))
    assert left(place) == set()


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("layers=two", "--distill: layers is 'two', it must be a whole number"),
        ("layers=2,3", r"--distill: layers is \[2, 3\], it must be a whole number"),
        ("layer=2", "--distill: unknown key 'layer': it has"),
        ("2", "--distill is '2': give NAME=VALUE"),
        ("losses=1", "--distill: losses is 1.0, it must be a table of NAME = a number"),
        ("losses.logits=1,losses=2", "losses is 2.0, it must be a table"),
        ("losses=2,losses.logits=1", "losses is 2.0, it must be a table"),
        ("resume=maybe", "resume is 'maybe', it must be true or false"),
    ],
)
def test_wrong_flags(flag, words):
    with pytest.raises(InputError, match=words):
        TABLE.parsed(flag)


def test_flags_are_read():
    text = (
        "layers=3,keep=0,2,5,losses.logits=1,columns.text=sentence,augment_by=swap,resume=true,layer_decay=0.9,mlm=a/b"
    )
    assert TABLE.parsed(text) == {
        "layers": 3,
        "keep": (0, 2, 5),
        "losses": {"logits": 1.0},
        "columns": {"text": "sentence"},
        "augment_by": ("swap",),
        "resume": True,
        "layer_decay": 0.9,
        "mlm": "a/b",
    }


def test_data_without_a_distillation_and_the_other_way_round(place):
    with pytest.raises(InputError, match="--train is of --distill: give --distill layers=3 too"):
        chain_of(None, train="x.jsonl")
    with pytest.raises(InputError, match="distill has nothing to learn from: give train"):
        chain_of(None, "layers=2", model=str(place / "teacher"))
    with pytest.raises(InputError, match=r"^cannot read none\.jsonl: there is no such file$"):
        chain_of(None, "layers=2", model=str(place / "teacher"), train="none.jsonl")


class _Broken(Exception):
    pass


def _break(*_: object) -> None:
    raise _Broken


@pytest.mark.parametrize(
    ("stage", "student", "stays"),
    [
        ("distill", "", set()),
        ("export", "", set()),
        ("export", 'student = "small"', {"small"}),
        ("bench", "", {"out.bundle"}),
    ],
)
def test_a_stage_that_fails_leaves_nothing_half_written(place, monkeypatch, stage, student, stays):
    chain = chain_of(write_recipe(place, distill=student))
    targets = {
        "distill": "edgebert.export.train.distill.save_checkpoint",
        "export": "edgebert.export.pipeline.finish_bundle",
        "bench": "edgebert.export.chain.run_bench",
    }
    module, _, name = targets[stage].rpartition(".")
    monkeypatch.setattr(sys.modules[module], name, _break)
    with pytest.raises(_Broken):
        run_chain(chain)
    assert left(place) == stays


def test_an_output_that_exists_is_said_before_the_distillation(place):
    chain = chain_of(write_recipe(place))
    (place / "out.bundle").mkdir()
    shows = Shows(distill=_break)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"out\.bundle exists"):
        run_chain(chain, shows)


def test_a_damaged_report_beside_the_weights(place):
    folder = save_classifier(place / "other", list(ROOMS))
    for content in ("{", '{"lineage": 3}', '{"lineage": {"a": 1}}'):
        (folder / "training.json").write_text(content)
        with pytest.raises(CheckpointError, match=r"training\.json .*delete it"):
            load_checkpoint(str(folder), "auto", "other")
    (folder / "training.json").write_text("[]")
    assert load_checkpoint(str(folder), "auto", "other").lineage == {}
