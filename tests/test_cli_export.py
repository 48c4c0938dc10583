"""`edgebert export` as a user meets it."""

import json

import pytest
from checkpoints import save_classifier, save_encoder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_encoder(tmp_path_factory.mktemp("c") / "tiny")


def failed(done, code):
    assert done.returncode == code
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert not [line for line in lines if "Traceback" in line]
    return lines[-1]


def test_export_embed_verify_inspect(checkpoint, tmp_path, run_cli):
    bundle = tmp_path / "tiny.bundle"
    done = run_cli("export", "--int8", "--target", "cpu", "--model", checkpoint, "--output", bundle)
    assert done.returncode == 0, done.stderr
    assert f"next: edgebert bench {bundle}" in done.stdout.decode()
    assert "cosine to FP32: mean " in done.stdout.decode()
    assert done.stderr.decode().splitlines() == [
        f"edgebert: {stage}"
        for stage in (
            "loading the checkpoint",
            "compiling the tokenizer",
            "making the graphs",
            "lowering to the native engine",
            "comparing with FP32",
            "writing the bundle",
        )
    ]
    assert run_cli("verify", bundle).returncode == 0
    shown = run_cli("inspect", bundle).stdout.decode()
    assert "w7a8-token, tolerance 0" in shown and "a8-dynamic, tolerance 0." in shown
    row = json.loads(run_cli("embed", bundle, "turn on the light").stdout)
    assert len(row["vector"]) == 32


def test_a_classifier_by_a_recipe_with_json(tmp_path, run_cli):
    save_classifier(tmp_path / "tiny", ["a", "b"])
    (tmp_path / "texts.txt").write_text("turn on\nturn off\n")
    (tmp_path / "recipe.toml").write_text(
        'model = "tiny"\noutput = "out"\ncalibration = "texts.txt"\nprecision = "fp32"\n'
    )
    done = run_cli("export", "--recipe", tmp_path / "recipe.toml", "--int8", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    report = json.loads(done.stdout)
    assert (report["task"], report["precision"], report["texts"]["source"]) == ("classify", "int8", "texts.txt")
    assert run_cli("classify", tmp_path / "out", "turn on").returncode == 0


def test_both_precisions(run_cli):
    assert "exclude each other" in failed(run_cli("export", "--int8", "--fp32"), 2)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--target", "abacus"], "there is no target 'abacus'"),
        (["--model", "./nowhere"], "./nowhere is not a checkpoint folder"),
        (["--calibration", "none.txt"], "cannot read none.txt"),
        (["--recipe", "none.toml"], "cannot read the recipe none.toml"),
    ],
)
def test_bad_input_is_one_line(tmp_path, run_cli, flags, words):
    done = run_cli("export", *flags, "--quiet", *([] if "--recipe" in flags else ["--output", tmp_path / "out"]))
    assert words in failed(done, 1)
    assert len(done.stderr.decode().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_task_that_does_not_exist(run_cli):
    assert "translate" in failed(run_cli("export", "--task", "translate"), 2)


def test_a_disk_that_cannot_be_written(checkpoint, run_cli):
    assert "/proc" in failed(run_cli("export", "--model", checkpoint, "--output", "/proc/out", "--quiet"), 1)
