"""Build plans: what is read is what was written, and nothing hostile gets through."""

import copy
import json
from pathlib import Path

import pytest
import tensorrt_bundles
from hypothesis import given
from hypothesis import strategies as st

from edgebert.bundle import BASELINE, MANIFEST, PLAN, open_bundle
from edgebert.errors import BundleError, EngineUnavailableError, InputError
from edgebert.files import write_json
from edgebert.prepare.trtexec import trtexec_lines
from edgebert.tensorrt.library import check_version
from edgebert.tensorrt.plan import BuildPlan, PlannedModel, Profile, parse_plan, read_plan
from edgebert.tensorrt.version import Version, parse_version

PLAN_JSON = tensorrt_bundles.BUILD_PLAN.to_json()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def changed(**fields: object) -> dict[str, object]:
    return {**copy.deepcopy(PLAN_JSON), **fields}


plans = st.builds(
    BuildPlan,
    dialect=st.text(max_size=8),
    opset=st.integers(13, 24),
    oldest=st.builds(Version, st.integers(8, 9), st.integers(0, 9)),
    below=st.builds(Version, st.integers(10, 11), st.integers(0, 9)),
    models=st.dictionaries(
        st.sampled_from(["int8", "fp16"]),
        st.builds(
            PlannedModel,
            st.just("model.onnx"),
            st.dictionaries(st.integers(1, 99), st.just(("int8", "strongly_typed")), max_size=3),
        ),
        min_size=1,
    ),
    profiles=st.sets(st.integers(1, 512), min_size=1, max_size=5).map(
        lambda tokens: tuple(Profile(1, length) for length in sorted(tokens))
    ),
    workspace_bytes=st.integers(1, 1 << 34),
)


@given(plans)
def test_a_plan_that_was_written_is_read(plan: BuildPlan) -> None:
    assert parse_plan(json.loads(json.dumps(plan.to_json())), "plan.json") == plan


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "must be a JSON object"),
        (changed(format=2), "reads up to 1"),
        (changed(format=True), "must be int"),
        (changed(tensorrt={"from": "11.0", "below": "8.6"}), "which is none"),
        (changed(tensorrt={"from": "ten", "below": "11.0"}), "not a version"),
        (changed(tensorrt={"from": "99999.1", "below": "11.0"}), "not a version"),
        (changed(models={}), "must name one or both"),
        (changed(models={"int4": {}}), "not 'int4'"),
        (changed(models={"int8": {"file": 3, "flags": {}}}), "must be str"),
        (changed(models={"int8": {"file": "model.onnx", "flags": {"8": ["dla"]}}}), "must be a list of int8"),
        (changed(models={"int8": {"file": "model.onnx", "flags": {"8": [[]]}}}), "must be a list of int8"),
        (changed(models={"int8": {"file": "model.onnx", "flags": {"x": []}}}), "not a major version"),
        (changed(profiles=[]), "has 0 entries"),
        (changed(profiles=[{"batch": 1, "tokens": 1}] * 33), "has 33 entries"),
        (changed(profiles=[{"batch": 1, "tokens": 8}, {"batch": 1, "tokens": 8}]), "must grow"),
        (changed(profiles=[{"batch": 1, "tokens": 0}]), "from 1 to 65536"),
        (changed(profiles=[{"batch": 1 << 40, "tokens": 8}]), "from 1 to 1024"),
        (changed(profiles=[7]), "must be a JSON object"),
        (changed(workspace_bytes=-1), "from 1 to"),
        (changed(opset=True), "must be int"),
    ],
)
def test_what_is_wrong_is_said(document: object, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        parse_plan(document, "plan.json")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@given(st.sampled_from(sorted(PLAN_JSON)), JSON)
def test_no_value_of_a_field_makes_it_crash(field: str, value: object) -> None:
    try:
        parse_plan(changed(**{field: value}), "plan.json")
    except BundleError as error:
        assert "\n" not in str(error)


def rewrite(bundle: Path, seal, document: dict[str, object]) -> Path:
    write_json(bundle / PLAN, document)
    seal(bundle)
    return bundle


@pytest.fixture
def own_jetson(jetson_bundle: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(jetson_bundle, tmp_path / "own.bundle"))


def test_a_plan_must_fit_its_bundle(own_jetson: Path, seal, embed_bundle: Path) -> None:
    assert read_plan(open_bundle(own_jetson)) == tensorrt_bundles.BUILD_PLAN
    with pytest.raises(BundleError, match="export it with --target jetson"):
        read_plan(open_bundle(embed_bundle))
    rewrite(own_jetson, seal, changed(profiles=[{"batch": 1, "tokens": 8}]))
    with pytest.raises(BundleError, match="profiles up to 8 tokens, the model takes 16"):
        read_plan(open_bundle(own_jetson))
    rewrite(own_jetson, seal, changed(models={"int8": {"file": "../secret", "flags": {}}}))
    with pytest.raises(BundleError, match=r"'../secret', which the bundle does not hold"):
        read_plan(open_bundle(own_jetson))


def test_a_changed_plan_is_refused(own_jetson: Path) -> None:
    write_json(own_jetson / PLAN, changed(workspace_bytes=1 << 20))
    with pytest.raises(BundleError, match=r"bytes, the manifest says|was changed"):
        read_plan(open_bundle(own_jetson))


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            "8.5.2.2",
            "TensorRT 8.5.2.2 is too old, this bundle is for TensorRT from 8.6 to below 11.0: .* 8.5",
        ),
        ("11.4.1", "TensorRT 11.4.1 is too new, .*export it again with --tensorrt 11.4"),
        ("9.1.0", "does not say how TensorRT 9.1.0 builds it"),
        ("nightly", "which is no version"),
    ],
)
def test_versions_that_do_not_fit(version: str, message: str) -> None:
    with pytest.raises(EngineUnavailableError, match=message):
        check_version(version, tensorrt_bundles.BUILD_PLAN)


@pytest.mark.parametrize("version", ["8.6", "8.6.2.3", "10.3.0.30", "10.16.2"])
def test_versions_that_fit(version: str) -> None:
    check_version(version, tensorrt_bundles.BUILD_PLAN)


def test_versions_compare_as_numbers() -> None:
    assert parse_version("10.3") > parse_version("8.6.1")
    assert parse_version("10.13.0") > parse_version("10.3")
    assert parse_version("10") is None


def test_the_line_for_trtexec(jetson_bundle: Path) -> None:
    bundle = open_bundle(jetson_bundle)
    int8, fp16 = (line.split() for line in trtexec_lines(bundle, "8.6"))
    shapes = [f"{name}:1x{{0}}" for name in ("input_ids", "attention_mask", "token_type_ids")]
    assert int8 == [
        "/usr/src/tensorrt/bin/trtexec",
        f"--onnx={jetson_bundle / 'model.onnx'}",
        "--saveEngine=tiny.int8.engine",
        "--int8",
        "--fp16",
        "--minShapes=" + ",".join(shapes).format(1),
        "--optShapes=" + ",".join(shapes).format(8),
        "--maxShapes=" + ",".join(shapes).format(16),
        "--memPoolSize=workspace:64",
    ]
    assert f"--onnx={jetson_bundle / BASELINE}" in fp16 and "--fp16" in fp16 and "--int8" not in fp16
    with pytest.raises(InputError, match="'new' is not a version"):
        trtexec_lines(bundle, "new")


def test_trtexec_of_a_strongly_typed_bundle(own_jetson: Path, seal) -> None:
    flags = {"10": ["strongly_typed"], "11": ["strongly_typed"]}
    models = {"int8": {"file": "model.onnx", "flags": flags}}
    bundle = open_bundle(rewrite(own_jetson, seal, changed(models=models, tensorrt={"from": "10.13", "below": "12.0"})))
    (ten,), (eleven,) = trtexec_lines(bundle, "10.13"), trtexec_lines(bundle, "11.4")
    assert "--stronglyTyped" in ten and "--int8" not in ten
    assert "--stronglyTyped" not in eleven and "--int8" not in eleven


def test_verb_prints_only_the_lines(run, jetson_bundle: Path) -> None:
    done = run("prepare", jetson_bundle, "--trtexec", "8.6")
    assert done.returncode == 0 and done.stderr == b""
    assert [line.split()[0] for line in done.stdout.decode().splitlines()] == ["/usr/src/tensorrt/bin/trtexec"] * 2
    refused = run("prepare", jetson_bundle, "--trtexec", "11.4")
    assert refused.returncode == 1 and b"too new" in refused.stderr and refused.stderr.count(b"\n") == 1


def test_manifest_lists_the_plan(jetson_bundle: Path) -> None:
    assert PLAN in json.loads((jetson_bundle / MANIFEST).read_text())["files"]
