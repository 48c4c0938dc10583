"""Files of ranges: what was written is read again, and what is damaged, hostile or of another model is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.calibration import Range, Ranges, load_ranges, save_ranges
from edgebert.calibration.observers import SMALLEST_AMAX
from edgebert.errors import InputError

RANGES = Ranges(
    {"layer.0.qkv.input": Range(2.54, "min-max")},
    "a" * 64,
    "b" * 64,
    256,
    {"layer.0.qkv": (0.5, 1.0, 2.0)},
    {"layer.0.qkv": (-1.0, 0.0, 7.5)},
)


@given(st.dictionaries(st.text(max_size=5), st.floats(SMALLEST_AMAX, 1e38), max_size=5), st.integers(1, 10**6))
def test_a_document_gives_back_what_it_was_made_of(amaxes, samples):
    ranges = Ranges({name: Range(amax, "mse") for name, amax in amaxes.items()}, "m", "s", samples)
    assert Ranges.from_json(json.loads(json.dumps(ranges.to_json()))) == ranges


def test_a_file_gives_back_what_was_saved_as_the_same_bytes(tmp_path):
    save_ranges(RANGES, tmp_path / "a.json")
    save_ranges(load_ranges(tmp_path / "a.json"), tmp_path / "b.json")
    assert load_ranges(tmp_path / "b.json") == RANGES
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert RANGES["layer.0.qkv.input"].scale == pytest.approx(0.02)


def test_ranges_of_another_model_are_refused():
    RANGES.check_model("a" * 64)
    with pytest.raises(InputError, match=r"of another model \(a{12}\.\.\., this one is c{12}\.\.\.\): calibrate again"):
        RANGES.check_model("c" * 64)


def changed(**fields):
    return {**RANGES.to_json(), **fields}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the document is a list, not a dict"),
        ({}, "ranges of format None, this version reads 1"),
        (changed(format=2), "ranges of format 2"),
        (changed(ranges=None), "'ranges' is a NoneType"),
        (changed(model_sha256=7), "'model_sha256' is a int, not a str"),
        (changed(samples=True), "'samples' is a bool, not a int"),
        (changed(ranges={"x": 1}), "the range of 'x' is a int, not a dict"),
        (changed(ranges={"x": {"amax": 0, "observer": "mse"}}), "the range of 'x' ends at '0', not at a number above"),
        (changed(ranges={"x": {"amax": -1.0, "observer": "mse"}}), "the range of 'x' ends at '-1.0'"),
        (changed(ranges={"x": {"amax": "1", "observer": "mse"}}), "the range of 'x' ends at '1'"),
        (changed(ranges={"x": {"amax": 10**400, "observer": "mse"}}), "the range of 'x' ends at '1000"),
        (changed(means={"x": [None]}), "'means' of 'x' is not a list of numbers"),
        (changed(smoothing=[]), "'smoothing' is a list"),
        (changed(smoothing={"x": []}), "'smoothing' of 'x' is not a list of numbers"),
        (changed(smoothing={"x": [1, -1]}), "'smoothing' of 'x' is not a list of numbers"),
        (changed(smoothing={"x": [1, True]}), "'smoothing' of 'x' is not a list of numbers"),
        (changed(ranges={"x": {"amax": 1.0}}), "the observer of 'x' is a NoneType"),
    ],
)
def test_a_hostile_document_is_one_line(tmp_path, document, message):
    path = tmp_path / "ranges.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=rf"ranges\.json cannot be used as ranges: {message}") as caught:
        load_ranges(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"format": NaN}', b"[" * 100_000])
def test_a_damaged_file_is_one_line(tmp_path, content):
    (tmp_path / "ranges.json").write_bytes(content)
    with pytest.raises(InputError, match=r"ranges\.json cannot be used as ranges: ") as caught:
        load_ranges(tmp_path / "ranges.json")
    assert "\n" not in str(caught.value)


def test_a_missing_file():
    with pytest.raises(InputError, match=r"none\.json cannot be used as ranges: cannot read"):
        load_ranges(Path("none.json"))
