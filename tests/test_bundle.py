"""A bundle is hostile until it is checked: every field, every file, every path."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.bundle import GOLDEN, MANIFEST, MODEL, TOKENIZER, open_bundle
from edgebert.errors import BundleError, EdgebertError
from edgebert.loader import load
from edgebert.manifest import (
    AnswerHead,
    ClassifyHead,
    EmbedHead,
    FileEntry,
    Manifest,
    Shape,
    TagHead,
    parse_manifest,
)

EMBED: dict[str, Any] = {
    "format": 1,
    "name": "tiny",
    "task": "embed",
    "target": "cpu",
    "precision": "int8",
    "engines": ["onnxruntime"],
    "scheme": {"onnxruntime": "w8a8-dynamic"},
    "shape": {
        "architecture": "bert",
        "layers": 1,
        "hidden": 8,
        "heads": 2,
        "intermediate": 16,
        "vocabulary": 100,
        "max_tokens": 16,
    },
    "head": {"pooling": "mean", "normalize": True},
    "tolerance": {"onnxruntime": 0.001},
    "accuracy": {"onnxruntime": {"cosine_mean": 0.99}},
    "provenance": {"edgebert": "0.1.0"},
    "files": {"model.onnx": {"bytes": 1, "sha256": "0" * 64}},
}
CLASSIFY: dict[str, Any] = {
    **EMBED,
    "task": "classify",
    "head": {"labels": ["a", "b"], "problem_type": "regression"},
}


def _fields(document: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in document.items():
        found.append((*path, key))
        if isinstance(value, dict):
            found += _fields(value, (*path, key))
    return found


def _changed(document: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(document))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


def _refused(document: object) -> str:
    with pytest.raises(BundleError) as caught:
        parse_manifest(document, "edgebert.json")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


# may be left out
FREE = [("accuracy", "onnxruntime", "cosine_mean"), ("provenance", "edgebert"), ("files", "model.onnx")]
FIELDS = [(EMBED, path) for path in _fields(EMBED)] + [(CLASSIFY, path) for path in _fields(CLASSIFY) if "head" in path]


@pytest.mark.parametrize(("document", "path"), [(d, p) for d, p in FIELDS if p not in FREE])
def test_a_missing_field_is_named(document: dict[str, Any], path: tuple[str, ...]) -> None:
    assert path[-1] in _refused(_changed(document, path, ...))


@pytest.mark.parametrize("value", [None, True, [], [[]], {"a": None}, -1, 10**400, 1.5, "\x00"])
@pytest.mark.parametrize(("document", "path"), FIELDS)
def test_a_field_of_the_wrong_type_is_named(document: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    before = document
    for key in path:
        before = before[key]
    free = (("name",), ("target",), ("scheme", "onnxruntime"), ("shape", "architecture"), ("provenance", "edgebert"))
    allowed = type(value) is type(before) and path in free
    allowed = allowed or (value is True and path == ("head", "normalize"))
    allowed = allowed or (path == ("tolerance", "onnxruntime") and value == 1.5)
    scalar = isinstance(value, (int, float, str)) and value is not True
    allowed = allowed or (path == ("accuracy", "onnxruntime", "cosine_mean") and scalar)
    if allowed:
        parse_manifest(_changed(document, path, value), "edgebert.json")
    else:
        assert _refused(_changed(document, path, value))


@pytest.mark.parametrize("document", [None, [], "text", 1, {}])
def test_other_json_is_no_manifest(document: object) -> None:
    assert _refused(document)


@pytest.mark.parametrize(
    "name", ["../model.onnx", "/etc/passwd", "a/b", "..", ".", "", "a\\b", ".hidden", "a\n", "x" * 200, "C:model"]
)
def test_a_path_that_leaves_the_folder_is_refused(name: str) -> None:
    files = {name: {"bytes": 1, "sha256": "0" * 64}}
    assert "not a plain file name" in _refused({**EMBED, "files": files})


def test_a_newer_format_says_what_to_do() -> None:
    assert "has format 2; this edgebert reads up to 1: upgrade edgebert" in _refused({**EMBED, "format": 2})


def test_labels_must_differ() -> None:
    assert "differ" in _refused(_changed(CLASSIFY, ("head", "labels"), ["a", "a"]))


NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
SIZES = st.integers(1, 1000)
SCALARS = st.dictionaries(st.text(), st.text() | st.integers() | st.floats(allow_nan=False))
MANIFESTS = st.builds(
    Manifest,
    name=st.text(),
    task=st.just("embed"),
    target=st.text(),
    precision=st.sampled_from(["int8", "fp32"]),
    engines=st.just(("native", "onnxruntime")),
    scheme=st.fixed_dictionaries({"native": st.text(), "onnxruntime": st.text()}),
    shape=st.builds(Shape, st.text(), SIZES, SIZES, SIZES, SIZES, SIZES, SIZES),
    head=st.builds(EmbedHead, st.sampled_from(["mean", "cls", "max"]), st.booleans()),
    tolerance=st.fixed_dictionaries({"native": st.floats(0, 1e9), "onnxruntime": st.floats(0, 1e9)}),
    accuracy=st.fixed_dictionaries({"native": SCALARS, "onnxruntime": SCALARS}),
    provenance=st.dictionaries(st.text(), st.text()),
    files=st.dictionaries(
        NAMES, st.builds(FileEntry, st.integers(0, 1 << 40), st.text("0123456789abcdef", min_size=64, max_size=64))
    ),
)
HEADS = st.builds(
    ClassifyHead,
    st.lists(st.text(), min_size=1, unique=True).map(tuple),
    st.sampled_from(["single_label_classification", "multi_label_classification", "regression"]),
)


@given(MANIFESTS)
def test_a_manifest_survives_its_json(manifest: Manifest) -> None:
    assert parse_manifest(json.loads(json.dumps(manifest.to_json())), "edgebert.json") == manifest


@given(HEADS)
def test_a_classifier_survives_its_json(head: ClassifyHead) -> None:
    document = {**CLASSIFY, "head": json.loads(json.dumps({"labels": head.labels, "problem_type": head.problem_type}))}
    assert parse_manifest(document, "edgebert.json").head == head


@given(st.lists(st.text(), min_size=1, unique=True).map(tuple))
def test_a_tagger_survives_its_json(labels: tuple[str, ...]) -> None:
    document = {**CLASSIFY, "task": "tag", "head": json.loads(json.dumps({"labels": labels}))}
    manifest = parse_manifest(document, "edgebert.json")
    assert manifest.head == TagHead(labels)
    assert (manifest.output_width, manifest.output_by_token) == (len(labels), True)
    document["head"]["labels"].append(labels[0])
    with pytest.raises(BundleError, match="labels must differ from each other"):
        parse_manifest(document, "edgebert.json")


def test_an_answerer_survives_its_json() -> None:
    manifest = parse_manifest({**CLASSIFY, "task": "answer", "head": {}}, "edgebert.json")
    assert manifest.head == AnswerHead()
    assert (manifest.output_width, manifest.output_by_token) == (2, True)
    assert manifest.to_json()["head"] == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(path=st.sampled_from(_fields(EMBED)), value=JSON)
def test_any_value_is_read_or_refused(path: tuple[str, ...], value: object) -> None:
    try:
        parse_manifest(_changed(EMBED, path, value), "edgebert.json")
    except BundleError as error:
        assert str(error)


@pytest.mark.parametrize("name", [MODEL, TOKENIZER, GOLDEN])
def test_a_changed_byte_is_found(own_bundle: Path, name: str) -> None:
    content = bytearray((own_bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (own_bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} was changed: its SHA-256"):
        open_bundle(own_bundle).file(name)


@pytest.mark.parametrize("name", [MODEL, TOKENIZER])
def test_a_missing_file_is_named(own_bundle: Path, name: str) -> None:
    (own_bundle / name).unlink()
    with pytest.raises(BundleError, match=f"cannot read .*{name}: No such file"):
        load(own_bundle)


@pytest.mark.parametrize("name", [MODEL, TOKENIZER])
def test_a_file_that_the_manifest_does_not_list_is_not_used(own_bundle: Path, name: str) -> None:
    document = json.loads((own_bundle / MANIFEST).read_text())
    del document["files"][name]
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match=f"holds no {name}: export it again"):
        load(own_bundle)


def test_a_size_that_lies_is_found(own_bundle: Path) -> None:
    document = json.loads((own_bundle / MANIFEST).read_text())
    document["files"][MODEL]["bytes"] += 1
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"bytes, the manifest says"):
        load(own_bundle)


def test_a_link_that_leaves_the_folder_is_refused(own_bundle: Path, tmp_path: Path) -> None:
    shutil.move(own_bundle / MODEL, tmp_path / "elsewhere.onnx")
    (own_bundle / MODEL).symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(BundleError, match="not a plain file inside the bundle"):
        load(own_bundle)


def test_a_loop_of_links_is_refused(own_bundle: Path) -> None:
    (own_bundle / MODEL).unlink()
    (own_bundle / MODEL).symlink_to(own_bundle / MODEL)
    with pytest.raises(BundleError, match=r"cannot read .*model\.onnx"):
        load(own_bundle)


@pytest.mark.parametrize("kind", [os.mkfifo, os.mkdir])
def test_a_folder_or_pipe_in_place_of_a_file_is_refused(own_bundle: Path, kind: Callable[[Path], None]) -> None:
    (own_bundle / MODEL).unlink()
    kind(own_bundle / MODEL)
    with pytest.raises(BundleError):
        load(own_bundle)
    (own_bundle / MANIFEST).unlink()
    kind(own_bundle / MANIFEST)
    with pytest.raises(BundleError, match=r"holds no edgebert\.json"):
        load(own_bundle)


def test_a_bundle_behind_a_link_works(embed_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(embed_bundle)
    assert open_bundle(tmp_path / "link").file(MODEL).is_file()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}'])
def test_a_broken_manifest_is_refused(own_bundle: Path, content: bytes) -> None:
    (own_bundle / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError):
        load(own_bundle)


def test_a_huge_manifest_is_not_read(own_bundle: Path) -> None:
    with (own_bundle / MANIFEST).open("r+b") as file:
        file.truncate(1 << 40)  # a hole, no disk is used
    with pytest.raises(BundleError, match="more than the 16777216 bytes"):
        load(own_bundle)


def test_there_must_be_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, message in (
        (tmp_path / "none", "there is no bundle at"),
        (tmp_path, "is not a bundle, it holds no"),
        (tmp_path / "file", "(is not a bundle|cannot read)"),
        (tmp_path / ("x" * 300), "(there is no bundle|cannot read)"),
    ):
        with pytest.raises(BundleError, match=message):
            load(path)


def test_a_tokenizer_larger_than_the_model_is_refused(own_bundle: Path) -> None:
    document = json.loads((own_bundle / MANIFEST).read_text())
    document["shape"]["vocabulary"] = 10
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match="the model knows 10"):
        load(own_bundle)


@pytest.mark.parametrize("name", [MODEL, TOKENIZER, GOLDEN])
@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_garbage_with_the_right_hash_is_one_line(
    own_bundle: Path, seal: Callable[[Path], None], name: str, content: bytes
) -> None:
    from edgebert.verify import verify

    (own_bundle / name).write_bytes(content)
    seal(own_bundle)
    with pytest.raises(EdgebertError) as caught:
        verify(own_bundle)
    assert "\n" not in str(caught.value)
