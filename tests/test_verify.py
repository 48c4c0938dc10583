"""Verify accepts a good bundle and names the first thing that differs."""

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.bundle import BASELINE, GOLDEN, MANIFEST, open_bundle
from edgebert.errors import BundleError, VerifyError
from edgebert.files import sha256_of
from edgebert.golden import Golden, parse_golden
from edgebert.manifest import ClassifyHead
from edgebert.verify import verify

GOOD: dict[str, Any] = {
    "format": 1,
    "texts": ["one", ["two", "three"]],
    "input_ids": [[2, 3], [2, 5, 3]],
    "outputs": {"onnxruntime": [[0.5, -1], [1e-3, 2]]},
}


def test_a_good_bundle_passes(embed_bundle: Path) -> None:
    found = verify(embed_bundle)
    assert (found.engine, found.files, found.texts, found.outputs) == ("onnxruntime", 4, 4, 32)
    assert found.largest_difference <= found.tolerance == 1e-4


def test_every_file_is_read_once_for_its_hash(embed_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr("edgebert.bundle.sha256_of", lambda path: read.append(path.name) or sha256_of(path))
    found = verify(embed_bundle)
    assert len(read) == len(set(read)) == found.files == len(open_bundle(embed_bundle).manifest.files)


def test_a_file_that_changes_after_it_was_found_right_is_noticed(own_bundle: Path) -> None:
    bundle = open_bundle(own_bundle)
    path = bundle.file(GOLDEN)
    content = path.read_bytes()
    path.write_bytes(content[:-2] + b" \n")
    os.utime(path, ns=(1, 1))
    with pytest.raises(BundleError, match=r"golden\.json was changed"):
        bundle.file(GOLDEN)
    path.write_bytes(content)
    assert bundle.file(GOLDEN) == path


@pytest.mark.parametrize("kind", ["single_label_classification", "multi_label_classification", "regression"])
@pytest.mark.parametrize("pairs", [False, True])
def test_a_good_classifier_passes(make_bundle: Callable[..., Path], kind: str, pairs: bool) -> None:
    found = verify(make_bundle(ClassifyHead(("a", "b", "c"), kind), pairs=pairs), engine="onnxruntime", threads=2)
    assert found.outputs == 3 * found.texts


def _golden(bundle: Path, change: Callable[[dict[str, Any]], object], seal: Callable[[Path], None]) -> Path:
    document = json.loads((bundle / GOLDEN).read_text())
    change(document)
    (bundle / GOLDEN).write_text(json.dumps(document))
    seal(bundle)
    return bundle


def test_the_first_output_that_differs_is_named(own_bundle: Path, seal: Callable[[Path], None]) -> None:
    def change(document: dict[str, Any]) -> None:
        document["outputs"]["onnxruntime"][1][3] += 0.001
        document["outputs"]["onnxruntime"][2][0] += 0.5

    with pytest.raises(VerifyError, match=r"text 1, output 3 is -?[\d.e-]+, expected -?[\d.e-]+ within 0\.0001"):
        verify(_golden(own_bundle, change, seal))


def test_a_difference_within_the_tolerance_passes(own_bundle: Path, seal: Callable[[Path], None]) -> None:
    def change(document: dict[str, Any]) -> None:
        document["outputs"]["onnxruntime"][1][3] += 5e-5

    assert verify(_golden(own_bundle, change, seal)).largest_difference == pytest.approx(5e-5, rel=1e-2)


def test_the_first_token_that_differs_is_named(own_bundle: Path, seal: Callable[[Path], None]) -> None:
    def change(document: dict[str, Any]) -> None:
        document["input_ids"][2][1] += 1

    with pytest.raises(VerifyError, match=r"text 2, token 1 is id \d+, expected \d+: the tokenizer differs"):
        verify(_golden(own_bundle, change, seal))


def test_a_text_with_more_tokens_is_named(own_bundle: Path, seal: Callable[[Path], None]) -> None:
    with pytest.raises(VerifyError, match="text 0 has 6 tokens, expected 7"):
        verify(_golden(own_bundle, lambda document: document["input_ids"][0].append(3), seal))


def test_every_file_is_checked(own_bundle: Path) -> None:
    content = bytearray((own_bundle / BASELINE).read_bytes())
    content[-1] ^= 1
    (own_bundle / BASELINE).write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.fp32\.onnx was changed"):
        verify(own_bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda golden: golden["outputs"].update(other=golden["outputs"].pop("onnxruntime")),
            "has no outputs of engine",
        ),
        (lambda golden: golden["outputs"]["onnxruntime"][0].pop(), "output of text 0 has 7 numbers, the model gives 8"),
        (lambda golden: golden["texts"].__setitem__(0, ["a", "b"]), "holds 1 pairs of texts, the task 'embed'"),
    ],
)
def test_golden_answers_of_another_model_are_refused(
    own_bundle: Path, seal: Callable[[Path], None], change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        verify(_golden(own_bundle, change, seal))


def test_a_bundle_without_golden_answers_is_refused(own_bundle: Path) -> None:
    document = json.loads((own_bundle / MANIFEST).read_text())
    del document["files"][GOLDEN]
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"holds no golden\.json"):
        verify(own_bundle)


def test_golden_answers_are_read() -> None:
    golden = parse_golden(GOOD, "golden.json")
    assert golden.texts == ("one", ("two", "three"))
    assert golden.input_ids == ((2, 3), (2, 5, 3))
    assert golden.outputs == {"onnxruntime": ((0.5, -1.0), (0.001, 2.0))}


FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)).map(tuple)


@given(
    st.lists(
        st.tuples(st.text() | st.tuples(st.text(), st.text()), st.lists(st.integers(0)).map(tuple), FLOATS), min_size=1
    )
)
def test_golden_answers_survive_their_json(rows: list[tuple[Any, tuple[int, ...], tuple[float, ...]]]) -> None:
    texts, ids, outputs = zip(*rows, strict=True)
    golden = Golden(texts, ids, {"onnxruntime": outputs})
    assert parse_golden(json.loads(json.dumps(golden.to_json())), "golden.json") == golden


@pytest.mark.parametrize(
    "value", [..., None, True, 1.5, "text", [], {}, [1], [[None]], {"onnxruntime": [["a"], [1]]}, 2]
)
@pytest.mark.parametrize("key", ["format", "texts", "input_ids", "outputs"])
def test_bad_golden_answers_are_one_line(key: str, value: object) -> None:
    document = copy.deepcopy(GOOD)
    if value is ...:
        del document[key]
    else:
        document[key] = value
    with pytest.raises(BundleError, match=r"golden\.json") as caught:
        parse_golden(document, "golden.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_other_json_is_no_golden(document: object) -> None:
    with pytest.raises(BundleError, match="must be a JSON object"):
        parse_golden(document, "golden.json")


@pytest.mark.parametrize("number", [True, "1", None, 10**400, 1e39])
def test_bad_numbers_are_refused(number: object) -> None:
    document = copy.deepcopy(GOOD)
    document["outputs"]["onnxruntime"][1][0] = number
    with pytest.raises(BundleError, match=r"outputs\['onnxruntime'\]\[1\] must be a list of numbers"):
        parse_golden(document, "golden.json")
