"""INT8 weights for the native engine: rounding that learns from texts, exact integer products."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.calibration import Sample
from edgebert.errors import InputError
from edgebert.export.lower.gptq import gptq
from edgebert.export.lower.integer import WEIGHT_MAX, IntegerLinear, quantize_tokens
from edgebert.export.lower.quantize import WeightQuantizer, choose_alpha, quantize_linear
from edgebert.export.lower.weights import Layer, Linear, Norm, Weights

DAMPING = 0.01


def correlated(tokens, inputs, seed):
    """Inputs of which neighbours go together, as in a real model."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(tokens, inputs, generator=generator) @ torch.randn(inputs, inputs, generator=generator)
    return mixed + torch.randn(inputs, generator=generator)


def problem(tokens, inputs, outputs, seed):
    """Inputs, weight and scales, float64."""
    generator = torch.Generator().manual_seed(seed + 1)
    weight = torch.randn(inputs, outputs, generator=generator).double()
    return correlated(tokens, inputs, seed).double(), weight, weight.abs().amax(dim=0) / WEIGHT_MAX


def objective(values, weight, codes, scale, damping=0.0):
    """What GPTQ lowers: the squared error of the outputs, with the damping's share."""
    difference = codes * scale - weight
    mean = values.square().sum(dim=0).mean()
    return float((values @ difference).square().sum() + damping * mean * difference.square().sum())


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 200), st.integers(8, 150), st.integers(32, 64), st.integers(0, 1000))
def test_gptq_is_better_than_plain_rounding(tokens, inputs, outputs, seed):
    values, weight, scale = problem(tokens, inputs, outputs, seed)
    plain = torch.clamp(torch.round(weight / scale), -WEIGHT_MAX, WEIGHT_MAX)
    found = gptq(weight, values.T @ values, scale, WEIGHT_MAX, DAMPING)
    assert found.abs().max() <= WEIGHT_MAX
    assert torch.equal(found, torch.round(found))
    assert objective(values, weight, found, scale, DAMPING) < objective(values, weight, plain, scale, DAMPING)


def test_gptq_more_than_halves_the_error_of_correlated_inputs():
    values, weight, scale = problem(2000, 192, 64, 3)
    plain = torch.clamp(torch.round(weight / scale), -WEIGHT_MAX, WEIGHT_MAX)
    found = gptq(weight, values.T @ values, scale, WEIGHT_MAX, DAMPING)
    assert objective(values, weight, found, scale) < 0.5 * objective(values, weight, plain, scale)


def test_gptq_without_correlation_is_plain_rounding():
    _, weight, scale = problem(2, 40, 8, 0)
    found = gptq(weight, torch.eye(40, dtype=torch.float64), scale, WEIGHT_MAX, DAMPING)
    assert torch.equal(found, torch.clamp(torch.round(weight / scale), -WEIGHT_MAX, WEIGHT_MAX))


def test_gptq_bears_channels_that_are_never_active():
    values, weight, scale = problem(50, 30, 8, 0)
    values[:, ::2] = 0
    assert torch.isfinite(gptq(weight, values.T @ values, scale, WEIGHT_MAX, DAMPING)).all()
    assert torch.isfinite(gptq(weight, torch.zeros(30, 30).double(), scale, WEIGHT_MAX, DAMPING)).all()


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=50))
def test_a_token_is_quantized_to_within_half_a_step(row):
    values = torch.tensor([row])
    scale, zero_point, codes = quantize_tokens(values)
    assert codes.min() >= 0 and codes.max() <= 255
    assert 0 <= zero_point.item() <= 255
    # both the value and the zero point are rounded, so a value at an end may be one step off
    assert ((codes - zero_point) * scale - values).abs().max() <= max(scale.item() * (1 + 1e-3), 1e-30)


@pytest.mark.parametrize("inputs", [3, 64, 1024, 1500, 4096])
def test_products_of_the_largest_numbers_are_exact(inputs):
    weight = torch.full((inputs, 2), WEIGHT_MAX, dtype=torch.int8)
    layer = IntegerLinear(weight, torch.ones(2), torch.zeros(2), None)
    values = torch.full((1, inputs), 255.0)
    assert layer(values).tolist() == [[float(np.float32(255 * WEIGHT_MAX * inputs))] * 2]


def test_a_quantized_layer_is_near_and_has_no_bias():
    values = correlated(500, 64, 1)
    values[:, 5] *= 100  # an outlier channel, as BERTs have
    generator = torch.Generator().manual_seed(0)
    linear = Linear(torch.randn(64, 32, generator=generator), torch.randn(32, generator=generator))
    expected = values @ linear.weight + linear.bias
    errors = {}
    for alpha in (None, 0.6):
        found = quantize_linear(linear, values, alpha)
        assert found.weight.abs().max() <= WEIGHT_MAX
        difference = found(values) - expected
        assert difference.mean(dim=0).abs().max() < 0.02 * difference.abs().max()
        errors[alpha] = float(difference.square().mean())
    assert errors[0.6] < errors[None]
    assert choose_alpha(linear, values) is not None


def tiny(value=0.0):
    table, norm = torch.full((4, 8), value), Norm(torch.ones(8), torch.zeros(8))
    return Weights(table, torch.zeros(16, 8), torch.zeros(2, 8), norm, (), 2, 1e-12, None, None)


def test_no_samples_are_refused():
    with pytest.raises(InputError, match="there are no samples"):
        WeightQuantizer(tiny(), [])


def test_a_layer_of_zeros_is_quantized():
    linear = Linear(torch.zeros(8, 4), torch.zeros(4))
    found = quantize_linear(linear, torch.zeros(5, 8), choose_alpha(linear, torch.zeros(5, 8)))
    assert found(torch.ones(1, 8)).tolist() == [[0.0] * 4]


def one_layer(norm=None):
    """A model with one encoder layer of random linear layers."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"qkv": (8, 24), "attention_output": (8, 8), "intermediate": (8, 16), "output": (16, 8)}
    linears = {
        kind: Linear(torch.randn(*size, generator=generator), torch.zeros(size[1])) for kind, size in sizes.items()
    }
    norm = norm or Norm(torch.ones(8), torch.zeros(8))
    table = torch.randn(4, 8, generator=generator)
    return dataclasses.replace(tiny(), word=table, norm=norm, layers=(Layer(linears, norm, norm),))


SAMPLES = [Sample(np.array([[0, 1, 2, 3, 1]], np.int32), np.zeros((1, 5), np.int32))]


def test_an_activation_that_is_not_finite_is_refused():
    weights = one_layer(Norm(torch.full((8,), torch.nan), torch.zeros(8)))
    with pytest.raises(InputError, match="an input of 'qkv' is NaN or infinite on a sample"):
        WeightQuantizer(weights, SAMPLES).quantize()


def test_layers_stay_in_float_and_those_after_them_learn_from_that():
    quantizer = WeightQuantizer(one_layer(), SAMPLES)
    floats = frozenset({"layer.0.qkv"})
    all_int8, mixed, again = quantizer.quantize(), quantizer.quantize(floats), quantizer.quantize()
    assert isinstance(mixed.layers[0]["qkv"], Linear)
    assert not torch.equal(mixed.layers[0]["output"].bias, all_int8.layers[0]["output"].bias)
    fresh = WeightQuantizer(one_layer(), SAMPLES).quantize(floats)
    for kind in ("attention_output", "intermediate", "output"):
        assert torch.equal(mixed.layers[0][kind].weight, fresh.layers[0][kind].weight)
        assert torch.equal(mixed.layers[0][kind].bias, fresh.layers[0][kind].bias)
        assert again.layers[0][kind] is all_int8.layers[0][kind]
    assert mixed.summary.startswith("qkv float; attention_output ")


def test_a_layer_alone_is_quantized_on_the_inputs_of_the_model_in_float():
    names = {f"layer.0.{kind}" for kind in ("qkv", "attention_output", "intermediate", "output")}
    for name in names:
        alone = WeightQuantizer(one_layer(), SAMPLES).alone(name)
        mixed = WeightQuantizer(one_layer(), SAMPLES).quantize(frozenset(names - {name}))
        expected = mixed.layers[0][name.removeprefix("layer.0.")]
        assert torch.equal(alone.weight, expected.weight) and torch.equal(alone.bias, expected.bias)
