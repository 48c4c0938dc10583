"""The loop gives the weights of a plain loop, the same bits every time, and the same bits when it was killed."""

import dataclasses
import itertools
import json
import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest
import torch
from checkpoints import save_encoder
from training_data import assert_close, base, labelled, on_two_processes, settings_for, weights, write_rows

from edgebert.cli.training import is_first_process
from edgebert.errors import InputError
from edgebert.export.checkpoint import load_tokenizer
from edgebert.export.train.batches import bucketed, collate
from edgebert.export.train.finetune import Finetune, finetune
from edgebert.export.train.groups import depth_of, frozen_depths, parameter_groups
from edgebert.export.train.loop import make_accelerator, noise_seed
from edgebert.export.train.settings import Training, rate_factor
from edgebert.export.train.sources import training_rows
from edgebert.export.train.store import write_store
from edgebert.export.train.tasks.classify import Classify
from edgebert.export.train.workspace import workspace_of


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    save_encoder(folder / "dropout")
    base(folder / "base")
    write_rows(folder / "train.jsonl", labelled(70))
    write_rows(folder / "dev.jsonl", labelled(40, seed=9))
    return folder


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_plain_loop_gives_the_same_weights(data, tmp_path):
    settings = settings_for(data, tmp_path / "out", "base", epochs=2)
    settings = dataclasses.replace(settings, dev=None)
    report = finetune(settings)
    training = settings.training

    torch.manual_seed(training.seed)
    task = Classify.from_rows(training_rows(settings.train, {}), settings.train)
    model = task.build(data / "base")
    rows = training_rows(settings.train, {})
    store = write_store(tmp_path / "store", task.encode(rows, load_tokenizer(data / "base"), 64))
    still = ("bias", "LayerNorm.weight", "embeddings.weight")
    groups = [
        {"params": [w for n, w in model.named_parameters() if n.endswith(still)], "weight_decay": 0.0},
        {"params": [w for n, w in model.named_parameters() if not n.endswith(still)], "weight_decay": 0.01},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    steps = 2 * 9
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, steps, 0.1))
    model.train()
    losses = []
    for epoch in range(2):
        for indices in bucketed(store.lengths(), 8, 0, epoch):
            batch = collate(store, indices, 0)
            names = ("input_ids", "attention_mask", "token_type_ids")
            loss = model(**{name: batch[name] for name in names}, labels=batch["label"][:, 0]).loss
            loss.backward()
            losses.append(loss.item())
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    assert_close(weights(tmp_path / "out"), model.state_dict(), rtol=1e-3, atol=1e-5)
    assert dict(report.runs[0].history.curve) == pytest.approx(
        {9: sum(losses[:9]) / 9, 18: sum(losses[9:]) / 9}, rel=1e-3
    )


def test_the_same_bits_twice_and_others_for_another_seed(data, tmp_path):
    runs = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        finetune(settings_for(data, tmp_path / name, epochs=2, seed=seed))
        runs.append(weights(tmp_path / name))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def test_every_step_of_every_seed_and_process_has_its_own_noise():
    places = itertools.product(range(3), range(300), range(2))
    noise = {
        tuple(torch.rand(4, generator=torch.Generator().manual_seed(noise_seed(*place))).tolist()) for place in places
    }
    assert len(noise) == 3 * 300 * 2


def test_pieces_of_a_batch_give_the_step_of_the_whole(data, tmp_path):
    finetune(settings_for(data, tmp_path / "whole", "base"))
    finetune(settings_for(data, tmp_path / "pieces", "base", accumulate=3))
    assert_close(weights(tmp_path / "pieces"), weights(tmp_path / "whole"), rtol=1e-3, atol=1e-4)


def _train_until_killed(settings: Finetune, states: int, delay: float) -> bool:
    """Run in a process of its own and kill it ``delay`` after so many states; say whether it ended before that."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["edgebert.export.train.finetune"])
    process = context.Process(target=finetune, args=(settings,))
    process.start()
    folder = workspace_of(settings.output) / "seed-0"
    seen: set[str] = set()
    while process.is_alive() and len(seen) < states:
        seen |= {path.name for path in folder.glob("state-*.pt")}
        time.sleep(0.001)
    time.sleep(delay)
    if process.is_alive():
        os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    return process.exitcode == 0


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed(data, tmp_path):
    settings = settings_for(data, tmp_path / "whole", epochs=12, save_every=2)
    finetune(settings)
    broken = dataclasses.replace(settings, output=tmp_path / "broken", resume=True)
    generator = random.Random(os.getpid())
    kills = 0
    for _ in range(5):
        if _train_until_killed(broken, generator.randint(1, 9), generator.uniform(0, 0.05)):
            break
        kills += 1
    assert kills >= 3
    finetune(broken)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "broken"))
    reports = [json.loads((tmp_path / name / "training.json").read_text()) for name in ("whole", "broken")]
    assert reports[0]["metrics"] == reports[1]["metrics"]
    histories = [report["runs"][0]["history"] for report in reports]
    losses = [[epoch["loss"] for epoch in history["epochs"]] for history in histories]
    assert losses[0] == losses[1] and histories[0]["curve"] == histories[1]["curve"]
    assert not workspace_of(tmp_path / "broken").exists()


def test_half_precision_trains_nearly_as_full_does(data, tmp_path):
    losses = []
    for precision in ("fp32", "bf16"):
        report = finetune(settings_for(data, tmp_path / precision, "base", epochs=2, precision=precision, unfreeze=2))
        losses.append([epoch.loss for epoch in report.kept.history.epochs])
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)
    assert {value.dtype for value in weights(tmp_path / "bf16").values()} == {torch.float32}


def test_a_gpu_that_training_is_held_off_decides_nothing(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    accelerator = make_accelerator("auto")
    assert (accelerator.device.type, accelerator.mixed_precision) == ("cpu", "no")


def test_resuming_with_other_settings_is_refused(data, tmp_path):
    settings = settings_for(data, tmp_path / "out", epochs=2, save_every=1)
    assert not _train_until_killed(settings, 2, 0.0)
    other = dataclasses.replace(
        settings, resume=True, training=dataclasses.replace(settings.training, learning_rate=2e-3)
    )
    with pytest.raises(InputError, match=r"learning_rate was 0\.001, is now 0\.002"):
        finetune(other)


def test_the_best_epoch_is_kept_and_patience_ends_a_run(data, tmp_path):
    report = finetune(settings_for(data, tmp_path / "out", "base", epochs=30, patience=2, learning_rate=3e-3))
    history = report.kept.history
    values = [epoch.metrics["accuracy"] for epoch in history.epochs]
    assert len(values) < 30
    assert history.best == values.index(max(values)) + 1 == len(values) - 2
    assert report.kept.metrics["accuracy"] == max(values)


def test_frozen_weights_stay_until_they_are_freed(data, tmp_path):
    before = weights(data / "dropout")
    finetune(settings_for(data, tmp_path / "frozen", epochs=1, freeze=("embeddings", "0")))
    finetune(settings_for(data, tmp_path / "freed", epochs=2, freeze=("embeddings", "0"), unfreeze=2, patience=2))
    frozen = weights(tmp_path / "frozen")
    moved = {name for name, value in frozen.items() if name[5:] in before and not torch.equal(value, before[name[5:]])}
    assert moved and all("layer.1." in name or "pooler" in name for name in moved)
    history = json.loads((tmp_path / "freed" / "training.json").read_text())["runs"][0]["history"]
    if history["best"] == 2:
        freed = weights(tmp_path / "freed")
        assert not torch.equal(
            freed["bert.encoder.layer.0.output.dense.weight"], frozen["bert.encoder.layer.0.output.dense.weight"]
        )


def test_word_vectors_that_no_text_uses_stay_and_the_table_stays_whole(data, tmp_path):
    finetune(settings_for(data, tmp_path / "out", epochs=1))
    name = "bert.embeddings.word_embeddings.weight"
    before, after = weights(data / "dropout")[name.removeprefix("bert.")], weights(tmp_path / "out")[name]
    tokenizer = load_tokenizer(data / "dropout")
    texts = [row["text"] for row in labelled(70)]
    used = {tokenizer.pad_token_id, *itertools.chain(*tokenizer(texts)["input_ids"])}
    moved = (after != before).any(dim=1)
    assert after.shape == before.shape
    assert set(moved.nonzero().flatten().tolist()) == used - {tokenizer.pad_token_id}


def test_layers_learn_slower_the_deeper_they_are(data):
    model = Classify(("a", "b"), several=False).build(data / "base")
    groups = parameter_groups(model, 2, 1.0, 0.5, 0.01)
    rates = {id(weight): group["base"] for group in groups for weight in group["params"]}
    expected = {0: 0.125, 1: 0.25, 2: 0.5, 3: 1.0}
    for name, weight in model.named_parameters():
        assert rates[id(weight)] == expected[depth_of(name, 2)]
    assert depth_of("bert.embeddings.LayerNorm.bias", 2) == 0
    assert depth_of("bert.pooler.dense.weight", 2) == 3


@pytest.mark.parametrize("name", ["pooler", "0-2", "2", "1-0", "", "-1"])
def test_names_that_cannot_be_frozen(name):
    with pytest.raises(InputError, match="cannot be frozen"):
        frozen_depths([name], 2)


def test_the_rate_rises_and_falls():
    rates = [rate_factor(step, 100, 0.1) for step in range(100)]
    assert rates[9] == max(rates) == 1.0
    assert np.allclose(np.diff(rates[:10]), 0.1)
    assert np.allclose(np.diff(rates[10:]), -1 / 90)
    assert 0 < rates[99] <= 1 / 90 + 1e-9


@pytest.mark.parametrize(
    ("setting", "value"),
    [("epochs", 0), ("batch_size", 0), ("learning_rate", 0.0), ("layer_decay", 1.1), ("warmup", 1.0), ("clip", 0.0),
     ("precision", "int3"), ("seed", -1), ("max_tokens", 3), ("patience", 0), ("weight_decay", -1.0)],
)  # fmt: skip
def test_settings_that_cannot_be(setting, value):
    with pytest.raises(InputError, match=setting):
        Training(**{setting: value})


@pytest.mark.parametrize("name", ["RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"])
def test_the_first_process_alone_speaks(monkeypatch, name):
    assert is_first_process()
    monkeypatch.setenv(name, "1")
    assert not is_first_process()
    monkeypatch.setenv(name, "0")
    assert is_first_process()


def test_a_loss_that_is_not_finite_ends_the_run(data, tmp_path):
    model = base(tmp_path / "broken")
    from safetensors.torch import save_file

    bad = weights(model)
    bad["encoder.layer.0.output.dense.weight"][0] = float("inf")
    save_file(bad, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"the loss is nan at step \d+: lower the learning rate"):
        finetune(dataclasses.replace(settings_for(data, tmp_path / "out"), model=str(model)))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_two_processes_train_as_one_does(data, tmp_path):
    finetune(settings_for(data, tmp_path / "one", "base", epochs=2, freeze=("embeddings",), unfreeze=2))
    flags = ["--epochs", 2, "--learning-rate", 1e-3, "--batch-size", 8, "--freeze", "embeddings", "--unfreeze", 2]
    paths = ["--train", data / "train.jsonl", "--dev", data / "dev.jsonl", "--model", data / "base"]
    report = on_two_processes("finetune", "--task", "classify", *flags, *paths, "--output", tmp_path / "two")
    alone = json.loads((tmp_path / "one" / "training.json").read_text())
    assert [run["history"]["processes"] for run in (*report["runs"], *alone["runs"])] == [2, 1]
    assert abs(report["metrics"]["accuracy"] - alone["metrics"]["accuracy"]) <= 0.05
    assert_close(weights(tmp_path / "two"), weights(tmp_path / "one"), rtol=1e-2, atol=1e-3)
