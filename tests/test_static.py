"""Graphs with fixed ranges: the smoothing that is found, the bias that is corrected, and ranges from a file."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from checkpoints import save_encoder

from edgebert.calibration import (
    Range,
    Ranges,
    Sample,
    channel_maxima,
    collect,
    load_ranges,
    run_graph,
    save_ranges,
    smoothing_factors,
)
from edgebert.errors import InputError
from edgebert.export.canonical import FLOAT, LinearPlan, Plan, build
from edgebert.export.canonical.dialects import TAPPED, TENSORRT_8_6
from edgebert.export.canonical.plan import input_of, unsmoothed
from edgebert.export.checkpoint import load_checkpoint
from edgebert.export.graph import with_outputs
from edgebert.export.judges import relative_error
from edgebert.export.lower.forward import normalize
from edgebert.export.lower.weights import KINDS, Norm, read_weights
from edgebert.export.mix import Mix
from edgebert.export.static import OBSERVERS, StaticMaker, StaticOptions, find_smoothing, measure, tapped_graph
from edgebert.export.static.plan import plan_of
from edgebert.export.static.search import ALPHAS, search_alphas

EVERYTHING = StaticOptions(TENSORRT_8_6, residual=True, attention=True)
LINEARS = StaticOptions(TENSORRT_8_6)


def make_samples(count, seed=0):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(4, 24, count)
    rows = [np.array([[2, *generator.integers(5, 80, size), 3]], np.int32) for size in lengths]
    return [Sample(ids, np.zeros_like(ids)) for ids in rows]


SAMPLES = make_samples(24)
OTHERS = make_samples(12, 1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A tiny encoder with one outlier channel after every LayerNorm, as trained BERTs have it."""
    folder = save_encoder(tmp_path_factory.mktemp("static") / "tiny")
    loaded = read_weights(load_checkpoint(str(folder), "embed", "tiny"))

    def stretched(norm):
        weight = norm.weight.clone()
        weight[3] *= 40
        return Norm(weight, norm.bias)

    layers = [
        dataclasses.replace(
            layer, attention_norm=stretched(layer.attention_norm), output_norm=stretched(layer.output_norm)
        )
        for layer in loaded.layers
    ]
    return dataclasses.replace(loaded, layers=tuple(layers), norm=stretched(loaded.norm))


@pytest.fixture(scope="module")
def measured(weights):
    return measure(weights, SAMPLES, 127, "model")


def answers(model, samples=OTHERS):
    return list(run_graph(model if isinstance(model, bytes) else model.SerializeToString(), samples))


def error(weights, plan):
    return relative_error(answers(build(weights, FLOAT, TENSORRT_8_6)), answers(build(weights, plan, TENSORRT_8_6)))


def test_smoothing_makes_good_what_an_outlier_channel_costs(weights, measured):
    smooth = next(iter(measured.values()))
    assert {f"layer.{number}.qkv" for number in range(2)} <= smooth.smoothing.keys()
    graph, tensors = tapped_graph(weights, {})
    unsmoothed = collect(graph, tensors, OBSERVERS, SAMPLES, "model")
    plain = plan_of(weights, dataclasses.replace(unsmoothed, means=smooth.means), LINEARS)
    assert error(weights, plan_of(weights, smooth, LINEARS)) < 0.7 * error(weights, plain)


def test_each_kind_gets_the_alpha_that_moves_the_output_least(weights):
    # the search simulates INT8 in PyTorch; here every candidate becomes a graph that ONNX Runtime runs
    graph = build(weights, FLOAT, TAPPED)
    names = {f"layer.{number}.{kind}": unsmoothed(number, kind) for number in range(2) for kind in KINDS}
    found = channel_maxima(with_outputs(graph, list(names.values())), list(names.values()), SAMPLES)
    maxima = {layer: found[tensor] for layer, tensor in names.items()}
    chosen = search_alphas(weights, maxima, SAMPLES, 127)
    expected = answers(build(weights, FLOAT, TENSORRT_8_6), SAMPLES)

    def damage(kind, alpha):
        plans, ranges = {}, {}
        for number, layer in enumerate(weights.layers):
            name = f"layer.{number}.{kind}"
            factors = np.ones(len(maxima[name]), np.float32)
            if alpha is not None:
                factors = 1 / smoothing_factors(maxima[name], layer.linears[kind].weight.numpy(), alpha)
            plans[name] = LinearPlan(smoothing=tuple(factors.tolist()))
            ranges[input_of(number, kind)] = float((maxima[name] * factors).max())
        return relative_error(expected, answers(build(weights, Plan(plans, ranges), TENSORRT_8_6), SAMPLES))

    for kind, alpha in chosen.items():
        errors = {each: damage(kind, each) for each in ALPHAS}
        assert errors[alpha] <= 1.02 * min(errors.values()), (kind, errors)


def test_the_bias_takes_back_the_mean_error_of_rounded_weights(weights, measured):
    ranges = next(iter(measured.values()))
    plan = plan_of(weights, ranges, LINEARS)
    name, linear = "layer.0.output", weights.layers[0].linears["output"]
    smoothing = np.array(ranges.smoothing.get(name, np.ones(len(linear.weight))))
    weight = linear.weight.numpy().astype(np.float64) / smoothing[:, None]
    scale = np.abs(weight).max(axis=0) / 127
    inputs = np.random.default_rng(0).standard_normal((1000, len(weight)))
    inputs += np.array(ranges.means[name]) - inputs.mean(axis=0)
    exact = inputs @ linear.weight.numpy()
    rounded = (inputs * smoothing) @ (np.rint(weight / scale) * scale) + np.array(plan.linears[name].bias_shift)
    assert np.abs((rounded - exact).mean(axis=0)).max() < 1e-5
    without = (inputs * smoothing) @ (np.rint(weight / scale) * scale)
    assert np.abs((without - exact).mean(axis=0)).max() > 1e-4


def test_means_are_those_of_the_inputs(weights):
    smoothing = find_smoothing(weights, SAMPLES, 127)
    with torch.inference_mode():
        rows = []
        for sample in SAMPLES:
            ids = torch.from_numpy(sample.input_ids[0]).long()
            summed = weights.word[ids] + weights.position[: len(ids)] + weights.type[0]
            rows.append(normalize(weights.norm, summed, weights.epsilon))
        expected = torch.cat(rows).mean(dim=0).numpy()
    np.testing.assert_allclose(smoothing.means["layer.0.qkv"], expected, atol=1e-5)


def test_settings_come_in_the_order_of_their_error(weights, measured):
    maker = StaticMaker(weights, measured, SAMPLES, EVERYTHING)
    expected = answers(build(weights, FLOAT, TENSORRT_8_6), SAMPLES)
    *names, last = maker.settings
    errors = [relative_error(expected, answers(maker.make(Mix(name)).content, SAMPLES)) for name in names]
    assert errors == sorted(errors)
    assert len(errors) == 3
    assert last == f"{names[0]}; linear layers alone"


def test_ranges_from_a_file_make_the_same_graph(weights, measured, tmp_path):
    name, ranges = next(iter(measured.items()))
    save_ranges(ranges, tmp_path / "ranges.json")
    again = StaticMaker(weights, {name: load_ranges(tmp_path / "ranges.json")}, SAMPLES, EVERYTHING)
    first = StaticMaker(weights, {name: ranges}, SAMPLES, EVERYTHING)
    assert again.make(Mix(name)) == first.make(Mix(name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"means": {}}, "the means of layer.0.qkv has 0 numbers instead of 32"),
        ({"means": {"layer.0.qkv": (1.0,)}}, "the means of layer.0.qkv has 1 numbers instead of 32"),
        ({"smoothing": {"layer.0.qkv": (1.0,)}}, "the smoothing of layer.0.qkv has 1 numbers instead of 32"),
        ({"by_tensor": {"x": Range(1.0, "mse")}}, "the range of 'layer.0.qkv.input' is None"),
    ],
)
def test_ranges_of_another_shape_are_one_line(weights, measured, change, message):
    ranges = dataclasses.replace(next(iter(measured.values())), **change)
    with pytest.raises(InputError, match=message):
        build(weights, plan_of(weights, ranges, EVERYTHING), TENSORRT_8_6)


def test_calibrate_then_export_twice_without_measuring_again(tmp_path, run):
    checkpoint = save_encoder(tmp_path / "tiny")
    texts = tmp_path / "texts.jsonl"
    lines = [f"turn on the light {number} please" + " now" * (number % 9) for number in range(200)]
    texts.write_text("".join(json.dumps({"said": line}) + "\n" for line in lines))
    ranges = tmp_path / "ranges.json"
    flags = ["--model", checkpoint, "--calibration", texts, "--column", "said"]
    done = run("calibrate", *flags, "--samples", 40, "--output", ranges, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    report = json.loads(done.stdout)
    assert (report["texts_read"], report["samples"]["count"], report["held_out"]["count"]) == (200, 40, 10)
    assert isinstance(load_ranges(ranges), Ranges)
    flags = ["--model", checkpoint, "--target", "jetson", "--ranges", ranges, "--output", tmp_path / "out"]
    done = run("export", *flags, "--quiet")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out" / "edgebert.json").read_text())
    assert manifest["provenance"]["smoothing"] == "as in ranges.json"


def test_calibrate_says_what_it_found_in_words(tmp_path, run):
    checkpoint = save_encoder(tmp_path / "tiny")
    (tmp_path / "texts.txt").write_text("turn on the light\nturn off the music now\nstop\n")
    flags = ["--model", checkpoint, "--calibration", tmp_path / "texts.txt", "--observer", "percentile-99.9"]
    done = run("calibrate", *flags, "--output", tmp_path / "ranges.json")
    assert done.returncode == 0, done.stderr
    words = done.stdout.decode()
    assert "3 of 3 texts (texts.txt), 3 to 7 tokens" in words
    assert "values clipped on other texts: not measured, there are too few texts" in words
    assert "more texts would change" in words
    assert {each.observer for each in load_ranges(tmp_path / "ranges.json").by_tensor.values()} == {"percentile-99.9"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--calibration", "none.txt"], "cannot read none.txt: No such file or directory"),
        (["--calibration", "EMPTY"], "empty.txt holds no text that is not empty: give at least one"),
        (["--calibration", "SHORT"], "short.txt have one token at most: give whole texts, like the device's"),
        (["--calibration", "ROWS", "--column", "words"], "rows.jsonl:1: there is no column 'words', only 'text'"),
        (["--observer", "guess"], "there is no observer 'guess'"),
    ],
)
def test_bad_input_of_calibrate_is_one_line(tmp_path, run, flags, message):
    checkpoint = save_encoder(tmp_path / "tiny")
    names = {"EMPTY": "empty.txt", "SHORT": "short.txt", "ROWS": "rows.jsonl"}
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "short.txt").write_text("on\noff\n")
    (tmp_path / "rows.jsonl").write_text('{"text": "on"}\n')
    given = [tmp_path / names[flag] if flag in names else flag for flag in flags]
    done = run("calibrate", "--model", checkpoint, *given, "--output", tmp_path / "ranges.json", "--quiet")
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert message in lines[-1]
    assert len(lines) == 1
    assert not (tmp_path / "ranges.json").exists()


def test_activations_that_are_not_finite(weights):
    huge = dataclasses.replace(
        weights.layers[0].linears["qkv"], bias=torch.full_like(weights.layers[0].linears["qkv"].bias, 3e38)
    )  # finite, but the products of queries and keys are not
    layer = dataclasses.replace(weights.layers[0], linears={**weights.layers[0].linears, "qkv": huge})
    with pytest.raises(InputError, match="is NaN or infinite on a sample: the model cannot be quantized"):
        measure(dataclasses.replace(weights, layers=(layer, *weights.layers[1:])), SAMPLES, 127, "model")


def test_a_dead_channel_and_a_dead_layer_keep_scales_above_zero(weights):
    dead = dataclasses.replace(
        weights.layers[1].linears["intermediate"],
        weight=torch.zeros_like(weights.layers[1].linears["intermediate"].weight),
        bias=torch.zeros_like(weights.layers[1].linears["intermediate"].bias),
    )
    layer = dataclasses.replace(weights.layers[1], linears={**weights.layers[1].linears, "intermediate": dead})
    changed = dataclasses.replace(weights, layers=(weights.layers[0], layer))
    found = measure(changed, SAMPLES, 127, "model")
    plan = plan_of(changed, next(iter(found.values())), EVERYTHING)
    assert plan.ranges["layer.1.output.input"] > 0
    assert all(np.isfinite(answer).all() for answer in answers(build(changed, plan, TENSORRT_8_6)))
