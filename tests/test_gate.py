"""The release gate on tiny checkpoints: what passes, what is returned to float, what is refused."""

import json
from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from checkpoints import WORDS, pooling, save_classifier, save_encoder
from transformers import AutoTokenizer, BertForSequenceClassification

from edgebert.accuracy.evaluation import Evaluation
from edgebert.bundle import MANIFEST, MODEL, NATIVE_MODEL, open_bundle
from edgebert.container import unpack
from edgebert.errors import BundleError, GateError, InputError
from edgebert.export import Recipe, export, read_recipe
from edgebert.export.gate.search import ladder
from edgebert.export.mix import multiplications
from edgebert.loader import load_bundle
from edgebert.verify import verify

LABELS = ["on", "off", "music"]
FRAGILE = "layer.1.output"


def logits_of(folder, texts):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model(**tokenizer(texts, return_tensors="pt", padding=True)).logits.numpy()


def write_labelled(folder, path, count):
    """Texts with the labels that FP32 gives them, of those about which it is surest."""
    generator = np.random.default_rng(0)
    texts = list(dict.fromkeys(" ".join(generator.choice(WORDS, generator.integers(2, 9))) for _ in range(3 * count)))
    logits = logits_of(folder, texts)
    best = np.sort(logits, axis=1)
    surest = np.argsort(best[:, -2] - best[:, -1], kind="stable")[:count]
    rows = [{"text": texts[at], "label": LABELS[int(logits[at].argmax())]} for at in surest]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_fragile(folder):
    """Lift most channels inside the last layer by 10,000 and take that away after its product.

    In float nothing is lost: GELU is the identity up there. With 8 bits a step between two activations is 40, and what
    the channels have to say is smaller.
    """
    model = BertForSequenceClassification.from_pretrained(folder)
    layer = model.bert.encoder.layer[1]
    with torch.no_grad():
        layer.intermediate.dense.bias[:64] += 1e4
        layer.output.dense.bias -= 1e4 * layer.output.dense.weight[:, :64].sum(dim=1)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    checkpoint = save_classifier(folder / "checkpoint", LABELS, initializer_range=0.3)
    return checkpoint, write_labelled(checkpoint, folder / "labelled.jsonl", 1000)


@pytest.fixture(scope="module")
def fragile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fragile")
    checkpoint = make_fragile(save_classifier(folder / "checkpoint", LABELS, initializer_range=0.3))
    return checkpoint, write_labelled(checkpoint, folder / "labelled.jsonl", 1000)


def recipe(given, output, **settings):
    checkpoint, labelled = given
    return Recipe(**{"output": output, "model": str(checkpoint), "evaluate": str(labelled), "max_drop": 0.5} | settings)


@pytest.fixture(scope="module")
def mended(fragile, tmp_path_factory):
    stages = []
    return export(recipe(fragile, tmp_path_factory.mktemp("b") / "mended.bundle"), stages.append), stages


def test_a_fragile_layer_returns_to_float_and_the_gate_passes(mended):
    bundle, stages = mended
    for engine in ("native", "onnxruntime"):
        assert bundle.manifest.gate[engine]["verdict"] == "passed"
        assert bundle.manifest.gate[engine]["high"] <= 0.5
        assert list(bundle.manifest.float_layers[engine]) == [FRAGILE]
        assert "rank 1 of 8; with it in INT8 the drop is" in bundle.manifest.float_layers[engine][FRAGILE]
        report = bundle.json("report.json")["gate"]["engines"][engine]
        assert report["sensitivity"][0]["layer"] == FRAGILE and len(report["sensitivity"]) == 8
        assert report["attempts"][0]["verdict"] == "failed" and report["attempts"][0]["drop"] > 5
        assert [len(each["float_layers"]) for each in report["attempts"]][:7] == [0, 8, 6, 4, 3, 2, 1]
        assert report["float_share"] == pytest.approx(32 * 96 / (2 * (4 * 32 * 32 + 2 * 32 * 96)), abs=1e-4)
    assert f"- `{FRAGILE}`: alone in INT8 it moves the outputs by" in (bundle.path / "report.md").read_text()
    assert any("in float layer.1.output: passed, accuracy 100.00 to" in stage for stage in stages)


def test_where_the_texts_cannot_tell_a_slower_mix_is_looked_for(mended, fragile, tmp_path):
    """A limit just above the drop: with every layer in INT8 it is open, with fewer it is settled."""
    limit = mended[0].json("report.json")["gate"]["engines"]["native"]["attempts"][0]["drop"] + 0.05
    bundle = export(recipe(fragile, tmp_path / "b", max_drop=limit))
    found = bundle.json("report.json")["gate"]["engines"]["native"]
    assert found["attempts"][0]["verdict"] == "unresolved" and found["float_layers"]
    assert {each["verdict"] for each in bundle.manifest.gate.values()} == {"passed"}
    assert found["judgement"]["high"] < limit < found["attempts"][0]["high"]
    report = (bundle.path / "report.md").read_text()
    assert "Whether every layer can be INT8 these 1000 texts cannot tell; about" in report
    settings = {"max_drop": limit, "accept_unresolved": True, "force": True}
    accepted = export(recipe(fragile, tmp_path / "b", **settings)).manifest.gate["native"]
    assert (accepted["verdict"], accepted["attempts"]) == ("unresolved", 1)


def test_the_models_that_passed_are_the_ones_in_the_bundle(mended, fragile):
    bundle, _ = mended
    tensors, _ = unpack((bundle.path / NATIVE_MODEL).read_bytes())
    kinds = {name: tensors[f"{name}.weight"].dtype for name in multiplications(bundle.manifest.shape)}
    assert [name for name, kind in kinds.items() if kind == np.float32] == [FRAGILE]
    nodes = Counter(node.op_type for node in onnx.load(bundle.path / MODEL).graph.node)
    assert (nodes["QAttention"], nodes["MatMulInteger"]) == (2, 5)
    assert "output " in bundle.manifest.provenance["smoothing_native"]
    assert bundle.manifest.provenance["smoothing_native"].endswith(" float")
    rows = [json.loads(line) for line in fragile[1].read_text().splitlines()[:200]]
    for engine in ("native", "onnxruntime"):
        verify(bundle.path, engine)
        answers = load_bundle(open_bundle(bundle.path), engine).classify([row["text"] for row in rows])
        wrong = [answer["label"] for answer, row in zip(answers, rows, strict=True) if answer["label"] != row["label"]]
        assert len(wrong) <= 1


def test_inspect_shows_the_verdict_and_what_stayed_in_float(mended, run):
    bundle, _ = mended
    shown = run("inspect", bundle.path).stdout.decode()
    assert "gate on native" in shown and "release gate passed: accuracy 100.00 in FP32" in shown
    assert f"in float: {FRAGILE}, alone in INT8 it moves the outputs by" in shown


def test_without_time_for_a_search_nothing_is_written(fragile, tmp_path, run):
    checkpoint, labelled = fragile
    done = run(
        *("export", "-o", tmp_path / "b", "--model", checkpoint, "--max-drop", 0.5, "--evaluate", labelled),
        *("--search-minutes", 0),
    )
    error = done.stderr.decode().splitlines()[-1]
    assert done.returncode == 1 and done.stdout == b""
    assert "the release gate is closed and nothing was written: native: accuracy 100.00 to" in error
    assert "lost too much; stopped after 0 minutes; onnxruntime: " in error
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_nothing_in_int8_is_not_shipped(fragile, tmp_path, monkeypatch):
    monkeypatch.setattr("edgebert.export.gate.engine.ladder", lambda *given: ladder(*given)[:1])
    message = r"native: .*all in INT8, 2 tried\): lost too much; only with every linear layer in float did it pass"
    with pytest.raises(GateError, match=message):
        export(recipe(fragile, tmp_path / "b", max_drop=0.5))
    assert list(tmp_path.iterdir()) == []


def test_an_impossible_limit_leaves_the_output_as_it_was(fragile, tmp_path, run):
    checkpoint, labelled = fragile
    kept = tmp_path / "b"
    kept.mkdir()
    (kept / "mine.txt").write_text("mine")
    done = run(
        *("export", "-o", kept, "--force", "--model", checkpoint, "--max-drop", 0, "--evaluate", labelled),
    )
    error = done.stderr.decode().splitlines()[-1]
    assert done.returncode == 1
    assert "lost too much; not searched, since no number of texts proves a drop of 0" in error
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert [path.name for path in kept.iterdir()] == ["mine.txt"]


def few(labelled, path, count):
    path.write_text("".join(labelled.read_text().splitlines(keepends=True)[:count]))
    return path


def test_too_few_texts_cannot_tell(sound, tmp_path):
    checkpoint, labelled = sound
    given = checkpoint, few(labelled, tmp_path / "few.jsonl", 100)
    message = r"native: accuracy 100\.00 to 100\.00, .* cannot tell, needs about 76\d texts: give more, or --accept-u"
    with pytest.raises(GateError, match=message):
        export(recipe(given, tmp_path / "b"))
    bundle = export(recipe(given, tmp_path / "b", accept_unresolved=True))
    assert bundle.manifest.gate["native"]["verdict"] == "unresolved"
    assert 764 <= bundle.manifest.gate["native"]["needed"] <= 769


def test_a_search_that_these_texts_cannot_end_is_not_begun(fragile, tmp_path):
    checkpoint, labelled = fragile
    given = checkpoint, few(labelled, tmp_path / "few.jsonl", 100)
    with pytest.raises(
        GateError, match=r"lost too much; not searched, since these .* even equal answers: give at least"
    ):
        export(recipe(given, tmp_path / "b"))


def test_texts_that_int8_learned_from_are_counted(sound, tmp_path):
    _, labelled = sound
    stages = []
    settings = {"max_drop": 10, "calibration": str(labelled), "column": "text"}
    bundle = export(recipe(sound, tmp_path / "same", **settings), stages.append)
    learned = bundle.json("report.json")["gate"]["learned"]
    assert learned == bundle.json("report.json")["texts"]["smoothing"] > 0
    warning = f"{learned} of the 1000 texts of --evaluate are among those that INT8 learns from"
    assert warning in stages
    assert f"{learned} of the texts are among those that INT8 learned from" in (bundle.path / "report.md").read_text()
    stages.clear()
    bundle = export(recipe(sound, tmp_path / "other", max_drop=10), stages.append)
    assert bundle.json("report.json")["gate"]["learned"] == 0
    assert not any("learns from" in stage for stage in stages)


def test_of_a_pair_both_texts_count():
    evaluation = Evaluation("s", "0", (), lambda model: np.zeros((0, 0)), (("a", "b"), ("a", "c"), "b", "a b"))
    assert evaluation.count_of([("a", "d"), "b"]) == 2
    assert evaluation.count_of([]) == 0


def test_without_labels_agreement_with_fp32_is_judged(sound, tmp_path):
    checkpoint, _ = sound
    bundle = export(Recipe(tmp_path / "b", model=str(checkpoint), max_drop=10))
    gate = bundle.manifest.gate["native"]
    assert (gate["metric"], gate["baseline"], gate["texts"]) == ("agreement with FP32", 100.0, 200)
    assert gate["source"] == "texts (built-in)"


def test_without_labels_vectors_are_judged_by_their_cosine(tmp_path):
    folder = save_encoder(tmp_path / "c", {**pooling("mean_tokens"), "Normalize": {}})
    bundle = export(Recipe(tmp_path / "b", model=str(folder), max_drop=2))
    gate = bundle.manifest.gate["native"]
    assert (gate["metric"], gate["verdict"]) == ("cosine to FP32", "passed")
    assert "p_value" not in gate and 0 < gate["drop"] < gate["high"] < 2


def test_vectors_are_judged_by_what_people_think_alike(tmp_path):
    folder = save_encoder(tmp_path / "c", {**pooling("mean_tokens"), "Normalize": {}}, initializer_range=0.3)
    generator = np.random.default_rng(0)
    rows = [
        {"text_a": " ".join(first), "text_b": " ".join(second), "score": len(set(first) & set(second))}
        for first, second in (generator.choice(WORDS, (2, 4)) for _ in range(300))
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"evaluate": str(tmp_path / "pairs.jsonl"), "max_drop": 3.0, "accept_unresolved": True}
    gate = export(Recipe(tmp_path / "b", model=str(folder), **settings)).manifest.gate["native"]
    assert gate["metric"] == "Spearman" and gate["texts"] == 300
    assert 10 < gate["baseline"] < 100 and gate["low"] < gate["drop"] < gate["high"]


def test_without_a_limit_there_is_no_gate(sound, tmp_path):
    bundle = export(Recipe(tmp_path / "b", model=str(sound[0])))
    assert (bundle.manifest.gate, bundle.manifest.float_layers) == ({}, {})
    assert "gate" not in bundle.json("report.json")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"evaluate": "labelled.jsonl"}, "without max_drop nothing is judged: give --max-drop"),
        ({"max_drop": 0.5, "precision": "fp32"}, "max_drop is for INT8, and precision is 'fp32'"),
        ({"max_drop": -1.0}, "max_drop is -1: give points from 0 to 100"),
        ({"max_drop": float("nan")}, "max_drop is nan"),
        ({"max_drop": 1.0, "search_minutes": -1.0}, "search_minutes is -1"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(InputError, match=message):
        Recipe(**settings)


def test_a_recipe_file_may_hold_the_gate(tmp_path):
    (tmp_path / "texts.jsonl").write_text("")
    path = tmp_path / "recipe.toml"
    path.write_text('max_drop = 1\nevaluate = "texts.jsonl"\nsearch_minutes = 2.5\naccept_unresolved = true\n')
    found = Recipe(**read_recipe(path))
    assert (found.max_drop, found.search_minutes, found.accept_unresolved) == (1, 2.5, True)
    assert found.evaluate == str(tmp_path / "texts.jsonl")
    path.write_text('max_drop = "much"\n')
    with pytest.raises(InputError, match="max_drop is 'much', it must be a number"):
        read_recipe(path)
    path.write_text("max_drop = true\n")
    with pytest.raises(InputError, match="max_drop is True, it must be a number"):
        read_recipe(path)


def test_labels_that_the_model_does_not_know_are_one_line(sound, tmp_path, run):
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text('{"text": "turn on", "label": "on"}\n{"text": "play", "label": "jazz"}\n')
    done = run("export", "-o", tmp_path / "b", "--model", sound[0], "--max-drop", 1, "--evaluate", labelled)
    assert done.returncode == 1
    error = done.stderr.decode().splitlines()[-1]
    assert error.endswith("labelled.jsonl:2: the model does not know the label 'jazz': it has 'on', 'off', 'music'")
    assert not (tmp_path / "b").exists()


def test_a_graph_with_fixed_ranges_is_held_to_the_same(fragile, tmp_path):
    """For a Jetson one graph serves two engines; here it is judged on the one that can run."""
    settings = {"target": "jetson", "calibration": "builtin", "max_drop": 2.0}
    bundle = export(recipe(fragile, tmp_path / "b", **settings))
    gate = bundle.manifest.gate
    assert list(gate) == list(bundle.manifest.engines) == ["tensorrt", "native", "onnxruntime"]
    assert gate["tensorrt"] == gate["onnxruntime"] and gate["tensorrt"]["judged_on"] == "onnxruntime"
    assert {each["verdict"] for each in gate.values()} == {"passed"}
    for engine in bundle.manifest.engines:
        assert FRAGILE in bundle.manifest.float_layers[engine]
    quantized = [node for node in onnx.load(bundle.path / MODEL).graph.node if node.op_type == "QuantizeLinear"]
    assert quantized and not any(f"{FRAGILE}." in name for node in quantized for name in (*node.input, *node.output))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("gate", [], "field 'gate' must be dict, not list"),
        ("gate", {"onnxruntime": 1}, "gate: field 'onnxruntime' must be dict, not int"),
        ("gate", {"onnxruntime": {"verdict": []}}, "onnxruntime: field 'verdict' must be a number or a text"),
        ("float_layers", {"onnxruntime": {"layer.0.qkv": 3}}, "field 'layer.0.qkv' must be str, not int"),
    ],
)
def test_a_manifest_that_lies_about_the_gate_is_one_line(own_bundle, field, value, message):
    document = json.loads((own_bundle / MANIFEST).read_text())
    document[field] = value
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match=message):
        open_bundle(own_bundle)


def test_what_a_manifest_says_of_the_gate_cannot_move_the_cursor(own_bundle, run):
    document = json.loads((own_bundle / MANIFEST).read_text())
    document["gate"] = {"onnxruntime": {"verdict": "passed\x1b[2J", "metric": "accuracy"}}
    document["float_layers"] = {"onnxruntime": {"layer.0.qkv\r": "no\nreason"}}
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    shown = run("inspect", own_bundle).stdout
    assert b"\\x1b[2J: accuracy None in FP32" in shown and b"layer.0.qkv\\r, no\\nreason" in shown
    assert b"\x1b" not in shown and b"\r" not in shown
