"""Observers against plain numpy on all values, in any split and order, and against ONNX Runtime's calibrators."""

import itertools

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, helper
from onnxruntime.quantization import calibrate as reference
from scipy.stats import entropy as divergence

from edgebert.calibration import MSE, Entropy, MinMax, MovingAverage, Percentile, observer_named
from edgebert.calibration.histogram import BINS, Histogram
from edgebert.calibration.observers import SMALLEST_AMAX
from edgebert.errors import InputError

NAMES = ("min-max", "moving-average", "percentile-99.99", "percentile-90", "entropy", "mse")
TEXTS = st.lists(
    arrays.arrays(np.float32, st.integers(0, 20), elements=st.floats(-(2.0**60), 2.0**60, width=32)),
    min_size=1,
    max_size=6,
)


def gelu_like(seed: int, count: int = 20_000) -> np.ndarray:
    """One-sided values with a long tail, as the input of a BERT's second feed-forward layer."""
    x = np.random.default_rng(seed).standard_t(4, count).astype(np.float32)
    return x / (1 + np.exp(-1.7 * x))


def observed(name, texts):
    observer = observer_named(name)()
    for text in texts:
        observer.observe(text)
    return observer


@pytest.mark.parametrize("name", NAMES)
@given(texts=TEXTS, data=st.data())
@settings(max_examples=40, deadline=None)
def test_parts_merged_in_any_order_say_what_the_whole_says(name, texts, data):
    parts: list = [[] for _ in range(3)]
    for text in data.draw(st.permutations(texts)):
        data.draw(st.sampled_from(parts)).append(text)
    merged = observer_named(name)()
    for part in data.draw(st.permutations(parts)):
        merged.merge(observed(name, part))
    assert merged.amax() == observed(name, texts).amax()


@given(TEXTS)
def test_a_histogram_counts_as_if_it_had_known_the_largest_value(texts):
    found = Histogram()
    for text in texts:
        found.add(np.abs(text))
    values = np.abs(np.concatenate(texts)).astype(np.float64)
    places = np.floor(values / found.width).astype(np.int64)
    np.testing.assert_array_equal(found.counts, np.bincount(places, minlength=BINS))
    largest = values.max(initial=0)
    assert found.largest == largest
    assert largest < BINS * found.width
    assert largest == 0 or found.width == 2.0**-126 or largest >= BINS / 2 * found.width


@pytest.mark.parametrize("seed", range(3))
def test_min_max_and_moving_average_are_exact(seed):
    texts = np.split(gelu_like(seed), 20)
    assert observed("min-max", texts).amax() == np.abs(np.concatenate(texts)).max()
    largest = [float(np.abs(text).max()) for text in texts]
    assert observed("moving-average", texts).amax() == pytest.approx(np.mean(largest), rel=1e-12)


@pytest.mark.parametrize("percent", [50, 99, 99.9, 99.99, 100])
@pytest.mark.parametrize("seed", range(3))
def test_a_percentile_is_within_a_bin_of_the_exact_one(percent, seed):
    texts = np.split(gelu_like(seed), 20)
    found = observed(f"percentile-{percent}", texts).amax()
    values = np.abs(np.concatenate(texts))
    exact = np.quantile(values, percent / 100, method="inverted_cdf")
    assert exact <= found <= exact + values.max() / (BINS / 2)
    assert (values <= found).mean() >= percent / 100


@pytest.mark.parametrize("seed", range(3))
def test_mse_has_nearly_the_least_error_of_all_ranges(seed):
    values = gelu_like(seed).astype(np.float64)

    def error(amax):
        scale = amax / 127
        return np.square(values - np.clip(np.rint(values / scale), -127, 127) * scale).mean()

    least = min(map(error, np.linspace(0.05, 1, 500) * np.abs(values).max()))
    found = observed("mse", np.split(values.astype(np.float32), 20)).amax()
    assert error(found) <= 1.03 * least
    assert error(found) < error(np.abs(values).max())


def brute_entropy(values, width):
    """The recipe of the paper in plain loops, for every end of a bin; returns the divergences by end."""
    counts, _ = np.histogram(values, np.arange(2 + int(values.max() / width)) * width)
    found = {}
    for kept in range(128, len(counts) + 1):
        reference = counts[:kept].astype(float)
        reference[-1] += counts[kept:].sum()
        candidate = np.zeros(kept)
        for level in range(128):
            group = range(level * kept // 128, (level + 1) * kept // 128)
            filled = [each for each in group if reference[each] > 0]
            for each in filled:
                candidate[each] = sum(counts[group.start : group.stop]) / len(filled)
        found[kept * width] = divergence(reference, candidate)
    return found


@pytest.mark.parametrize("seed", range(2))
def test_entropy_diverges_about_as_little_as_the_best_of_a_brute_search(seed):
    values = np.abs(np.random.default_rng(seed).standard_t(6, 100_000).astype(np.float32))
    width = 2.0 ** np.ceil(np.log2(values.max())) / 2048
    by_end = brute_entropy(values, width)
    found = observed("entropy", np.split(values, 20)).amax()
    assert by_end[found] == pytest.approx(min(list(by_end.values())[::8]))
    assert by_end[found] <= 1.2 * min(by_end.values())
    assert found < values.max()


def calibrator(folder, texts, method, **settings):
    """Let ONNX Runtime calibrate the input of a graph that passes it on; returns (low, high)."""
    node = helper.make_node("Relu", ["x"], ["y"])
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph([node], "g", ports[:1], ports[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
    found = reference.create_calibrator(
        str(folder / "m.onnx"),
        ["Relu"],
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=method,
        extra_options=settings,
    )
    feeds = iter([{"x": text} for text in texts])
    found.collect_data(type("Reader", (), {"get_next": lambda self: next(feeds, None)})())
    low, high = found.compute_data()["x"].range_value
    return float(np.squeeze(low)), float(np.squeeze(high))


def test_min_max_is_that_of_onnxruntime(tmp_path):
    texts = np.split(gelu_like(0), 20)
    low, high = calibrator(tmp_path, texts, reference.CalibrationMethod.MinMax, symmetric=True)
    assert (-low, high) == (observed("min-max", texts).amax(),) * 2


def test_the_moving_average_is_that_of_onnxruntime(tmp_path):
    texts = np.split(np.abs(gelu_like(0)), 20)
    _, high = calibrator(tmp_path, texts, reference.CalibrationMethod.MinMax, moving_average=True)
    assert observed("moving-average", texts).amax() == pytest.approx(float(high), rel=1e-6)


@pytest.mark.parametrize("percent", [98.991, 99.907, 99.987])  # never a whole number of values
def test_a_percentile_is_that_of_onnxruntime(tmp_path, percent):
    texts = np.split(gelu_like(1), 20)
    settings = {"symmetric": True, "num_bins": 4096, "percentile": percent}
    _, high = calibrator(tmp_path, texts, reference.CalibrationMethod.Percentile, **settings)
    largest = np.abs(np.concatenate(texts)).max()
    assert observed(f"percentile-{percent}", texts).amax() == pytest.approx(float(high), abs=float(largest) / 1000)


def test_entropy_keeps_a_range_like_that_of_onnxruntime(tmp_path):
    # symmetric values: ONNX Runtime counts both signs apart, with 256 levels over them
    half = np.random.default_rng(2).standard_t(5, 20_000).astype(np.float32)
    texts = np.split(np.concatenate([half, -half]), 1)
    settings = {"symmetric": True, "num_bins": 2048, "num_quantized_bins": 256}
    _, high = calibrator(tmp_path, texts, reference.CalibrationMethod.Entropy, **settings)
    assert observed("entropy", texts).amax() == pytest.approx(float(high), rel=0.25)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_always_zero_has_a_range_above_zero(name):
    for texts in ([], [np.zeros(5, np.float32)], [np.zeros(0, np.float32)]):
        assert observed(name, texts).amax() == SMALLEST_AMAX
    assert np.float16(SMALLEST_AMAX / 127) > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_and_not_counted(name, bad):
    observer = observed(name, [np.array([3, -4], np.float32)])
    before = observer.amax()
    with pytest.raises(InputError, match="NaN or infinite"):
        observer.observe(np.array([1, bad], np.float32))
    assert observer.amax() == before


def test_one_value_and_extremes_of_float32():
    for value in (2.0**-149, 2.0**-126, 1.0, 3.4e38):
        for name in NAMES:
            found = observed(name, [np.array([value], np.float32)]).amax()
            assert found == pytest.approx(max(value, SMALLEST_AMAX), rel=0.01)


def test_observers_of_different_kinds_do_not_merge():
    for one, other in itertools.permutations((MinMax(), MovingAverage(), Percentile(99), Percentile(90), Entropy()), 2):
        with pytest.raises(ValueError, match="cannot take in"):
            one.merge(other)


@pytest.mark.parametrize("name", ["max", "percentile", "percentile-", "percentile-0", "percentile-101", "percentile-x"])
def test_there_is_no_such_observer(name):
    with pytest.raises(InputError, match="there is no observer"):
        observer_named(name)


def test_memory_does_not_grow_with_what_is_observed():
    observer = MSE()
    sizes = set()
    for seed in range(5):
        observer.observe(gelu_like(seed))
        sizes.add(observer._histogram.counts.nbytes)
    assert sizes == {8 * BINS}


@pytest.mark.parametrize("percent", [0, -1, 100.1, float("nan")])
def test_a_percentile_that_is_none(percent):
    with pytest.raises(InputError, match="give a number above 0, at most 100"):
        Percentile(percent)
