"""Recipes, targets and the texts of an export."""

import importlib.resources
import json
import platform
from pathlib import Path

import pytest

from edgebert.errors import InputError
from edgebert.export import Recipe, read_recipe
from edgebert.export.recipe import output_of
from edgebert.export.targets import CPU_ARM64, CPU_X86, target_named
from edgebert.export.texts import GOLDEN_TEXTS, for_task, read_export_texts


def recipe_file(folder, text):
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_recipe(tmp_path):
    (tmp_path / "bert").mkdir()
    settings = read_recipe(
        recipe_file(
            tmp_path, 'model = "bert"\noutput = "out"\ncalibration = "t.txt"\nprecision = "fp32"\nslim = true\n'
        )
    )
    assert Recipe(**settings) == Recipe(
        output=tmp_path / "out",
        model=str(tmp_path / "bert"),
        calibration=str(tmp_path / "t.txt"),
        precision="fp32",
        slim=True,
    )


def test_a_hub_id_stays_as_it_is(tmp_path):
    assert read_recipe(recipe_file(tmp_path, 'model = "someone/bert"')) == {"model": "someone/bert"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modle = 'x'", "unknown key 'modle': a recipe has output, model"),
        ("slim = 'yes'", "slim is 'yes', it must be true or false"),
        ("model = 3", "model is 3, it must be a text"),
        ("model = ", "is not valid TOML"),
        ("\udcff", "is not valid TOML"),
    ],
)
def test_broken_recipes(tmp_path, text, words):
    path = tmp_path / "recipe.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        read_recipe(path)
    assert words in str(caught.value)
    assert "recipe.toml" in str(caught.value)


def test_a_missing_recipe(tmp_path):
    with pytest.raises(InputError, match="cannot read the recipe"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"task": "translate"}, "task is 'translate': choose one of auto, embed, classify, tag, answer"),
        ({"precision": "int4"}, "precision is 'int4': choose one of int8, fp16, fp32"),
        (
            {"target": "abacus"},
            "there is no target 'abacus': choose one of cpu, cpu-x86, cpu-arm64, jetson, "
            "jetson-orin, jetson-xavier, jetson-thor",
        ),
    ],
)
def test_wrong_choices(settings, words):
    with pytest.raises(InputError) as caught:
        Recipe(**settings)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("machine", "target"),
    [("x86_64", CPU_X86), ("AMD64", CPU_X86), ("aarch64", CPU_ARM64), ("arm64", CPU_ARM64)],
)
def test_cpu_is_this_machine(monkeypatch, machine, target):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert target_named("cpu") is target
    assert target_named(target.name) is target


def test_an_unknown_machine(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(InputError, match=r"no target fits this machine \(riscv64\)"):
        target_named("cpu")


def test_the_default_output():
    assert output_of(Recipe(target="cpu-arm64")) == Path("all-MiniLM-L6-v2-int8-cpu-arm64.bundle")
    assert output_of(Recipe(model="someone/bert", target="cpu-x86")) == Path("bert-int8-cpu-x86.bundle")


def test_builtin_texts_are_split_in_two_halves():
    found = read_export_texts(None, None)
    assert (found.source, found.held_out) == ("built-in", True)
    assert set(found.smoothing).isdisjoint(found.comparison)
    builtin = (importlib.resources.files("edgebert") / "data" / "texts.txt").read_text(encoding="utf-8")
    assert {*found.smoothing, *found.comparison} == set(builtin.split("\n")) - {""}


def test_few_texts_serve_both_ends(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("name,words\n1,on\n2,off\n3,on\n")
    found = read_export_texts(str(path), "words")
    assert (sorted(found.smoothing), found.held_out) == (["off", "on"], False)
    assert found.comparison == found.smoothing
    assert (found.source, len(found.sha256)) == ("texts.csv", 64)


def test_pairs_become_single_texts_where_a_task_takes_no_pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"text_a": "a", "text_b": "b"}\n{"text_a": "a", "text_b": "c"}\n')
    pairs = read_export_texts(str(path), None)
    assert sorted(pairs.comparison) == [("a", "b"), ("a", "c")]
    assert for_task(pairs, "classify") == pairs
    assert sorted(for_task(pairs, "embed").comparison) == ["a", "b", "c"]


def test_a_text_that_pairs_share_is_not_held_out_of_what_learned_from_it(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"text_a": f"often {at % 20}", "text_b": f"once {at}"} for at in range(200)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = for_task(read_export_texts(str(path), None), "embed")
    assert found.held_out and len(found.comparison) == 100
    assert set(found.smoothing).isdisjoint(found.comparison)
    rows = [{"text_a": f"first {at % 10}", "text_b": f"second {at // 10}"} for at in range(100)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert not for_task(read_export_texts(str(path), None), "embed").held_out


def test_the_hash_depends_on_the_set_of_texts(tmp_path):
    hashes = []
    for content in ("a\nb\n", "b\na\n\na\n", "a\n", "a\nc\n"):
        path = tmp_path / "texts.txt"
        path.write_text(content)
        hashes.append(read_export_texts(str(path), None).sha256)
    assert hashes[0] == hashes[1] and len(set(hashes)) == 3


def test_a_file_without_texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n\n")
    with pytest.raises(InputError, match=r"texts\.txt holds no text"):
        read_export_texts(str(path), None)


def test_golden_texts_hold_what_is_hard():
    joined = "".join(GOLDEN_TEXTS)
    assert "" in GOLDEN_TEXTS
    assert max(map(len, GOLDEN_TEXTS)) > 2000
    for hard in ("\u00ad", "\u200b", "\u0301", "[MASK]", "👍🏽", "안녕", "é"):
        assert hard in joined
