"""Channel maxima and smoothing factors against plain formulas."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgebert.calibration import MinMax, Sample, channel_maxima, collect, run_graph, smoothing_factors
from edgebert.errors import InputError


def graph(*extra):
    """input_ids [1, tokens] -> "wide" [1, tokens, 2] = ids * (1, -3), and the same divided by its first id."""
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["float", "last"], ["column"]),
        helper.make_node("Mul", ["column", "factors"], ["wide"]),
        helper.make_node("Log", ["column"], ["logarithm"]),
        helper.make_node("Cast", ["attention_mask"], ["unused"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["token_type_ids"], ["unused2"], to=TensorProto.FLOAT),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, [1, "tokens"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    widths = {"wide": 2, "logarithm": 1}
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "tokens", widths[name]]) for name in ("wide", *extra)
    ]
    constants = [
        helper.make_tensor("last", TensorProto.INT64, [1], [2]),
        helper.make_tensor("factors", TensorProto.FLOAT, [2], [1, -3]),
    ]
    made = helper.make_graph(nodes, "g", inputs, outputs, constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def sample(*ids):
    return Sample(np.array([ids], np.int32), np.zeros((1, len(ids)), np.int32))


def test_maxima_are_those_of_all_samples_in_any_order():
    rows = [sample(1, 2), sample(7), sample(3, 5, 4)]
    expected = np.array([7, 21], np.float32)
    for order in (rows, rows[::-1]):
        np.testing.assert_array_equal(channel_maxima(graph(), ["wide"], order)["wide"], expected)


def test_the_first_output_of_each_sample():
    found = list(run_graph(graph("logarithm"), [sample(2), sample(1, 4)]))
    assert [each.tolist() for each in found] == [[[[2, -6]]], [[[1, -3], [4, -12]]]]


def test_no_sample():
    with pytest.raises(InputError, match="give at least one text"):
        channel_maxima(graph(), ["wide"], [])


def test_an_activation_that_is_not_finite():
    with pytest.raises(InputError, match="'logarithm' is NaN or infinite"):
        channel_maxima(graph("logarithm"), ["logarithm"], [sample(0)])


@pytest.mark.parametrize(
    ("content", "tensor", "message"),
    [
        (b"", "wide", "ONNX Runtime does not load the graph: "),
        (b"no graph", "wide", "ONNX Runtime does not load the graph: "),
        (None, "wider", "'wider' is not among the outputs of the graph"),
        (None, "layer.0.other", "no observer is named for 'other', the kind of 'layer.0.other'"),
    ],
)
def test_a_graph_that_cannot_be_measured_is_one_line(content, tensor, message):
    observers = {"wide": MinMax, "wider": MinMax}
    with pytest.raises(InputError, match=message) as caught:
        collect(graph() if content is None else content, [tensor], observers, [sample(1, 2)], "model")
    assert "\n" not in str(caught.value)


@given(
    st.lists(st.floats(0, 1e4, width=32), min_size=1, max_size=8),
    st.floats(0, 1),
    st.integers(0, 1000),
)
def test_factors_follow_the_formula_up_to_a_common_scale(maxima, alpha, seed):
    weight = np.random.default_rng(seed).standard_normal((len(maxima), 3)).astype(np.float32)
    found = smoothing_factors(np.array(maxima, np.float32), weight, alpha).astype(np.float64)
    x = np.maximum(np.array(maxima, np.float32), 1e-5).astype(np.float64)
    w = np.maximum(np.abs(weight).max(axis=1), 1e-5).astype(np.float64)
    expected = x**alpha / w ** (1 - alpha)
    np.testing.assert_allclose(found / found[0], expected / expected[0], rtol=1e-4)
    assert (found > 0).all()
    assert np.log(found).mean() == pytest.approx(0, abs=1e-4)


def test_dead_channels_keep_finite_factors():
    found = smoothing_factors(np.zeros(3, np.float32), np.zeros((3, 2), np.float32), 0.75)
    np.testing.assert_allclose(found, 1)
