"""The native engine's files as the export writes them, and the engine as Python loads it."""

import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
import torch
from checkpoints import pooling, save_classifier, save_encoder
from hypothesis import given
from hypothesis import strategies as st

import edgebert
from edgebert import _native
from edgebert.bundle import BASELINE, MANIFEST, MODEL, NATIVE_BASELINE, NATIVE_MODEL, TOKENIZER, open_bundle
from edgebert.calibration import Sample
from edgebert.container import pack, unpack
from edgebert.engines import open_session
from edgebert.errors import BundleError, InputError
from edgebert.export import Recipe, export
from edgebert.export.checkpoint import load_checkpoint
from edgebert.export.lower.attention import attend_integer
from edgebert.export.lower.forward import embed, encode
from edgebert.export.lower.integer import IntegerLinear
from edgebert.export.lower.quantize import integer_table
from edgebert.export.lower.weights import KINDS, read_weights
from edgebert.loader import load_bundle
from edgebert.verify import verify

LABELS = ["on", "off", "music"]
LINES = [f"turn on light {n} in the kitchen please " * (n % 7) for n in range(200)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_encoder(tmp_path_factory.mktemp("c") / "encoder", {**pooling("mean_tokens"), "Normalize": {}})


@pytest.fixture(scope="module")
def bundle(checkpoint, tmp_path_factory):
    return export(Recipe(tmp_path_factory.mktemp("b") / "int8.bundle", model=str(checkpoint)))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = save_classifier(tmp_path_factory.mktemp("c") / "classifier", LABELS)
    return export(Recipe(tmp_path_factory.mktemp("b") / "classifier.bundle", model=str(folder)))


@pytest.fixture
def own(bundle, tmp_path):
    return shutil.copytree(bundle.path, tmp_path / "own.bundle")


@pytest.mark.parametrize("name", [NATIVE_MODEL, NATIVE_BASELINE])
def test_a_model_file_is_aligned_safetensors_with_the_tokenizer_inside(bundle, name):
    content = (bundle.path / name).read_bytes()
    tensors = safetensors.numpy.load(content)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    settings = header.pop("__metadata__")
    starts = {name: 8 + size + entry["data_offsets"][0] for name, entry in header.items()}
    assert [name for name, start in starts.items() if start % 64 and not name.startswith("padding.")] == []
    assert settings["edgebert.precision"] == ("int8" if name == NATIVE_MODEL else "fp32")
    assert settings["edgebert.layers"] == "2"
    parts, more = unpack((bundle.path / TOKENIZER).read_bytes())
    for key, values in parts.items():
        assert np.array_equal(tensors[key], values)
    assert more.items() <= settings.items()


def unpacked(packed, inputs, outputs):
    """Undo the packing of an INT8 weight: [panels, groups, 16, 4] to [in, out]."""
    panels, groups = packed.shape[:2]
    flat = packed.transpose(1, 3, 0, 2).reshape(groups * 4, panels * 16)
    assert not flat[inputs:].any() and not flat[:, outputs:].any()
    return flat[:inputs, :outputs]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_packing_round_trip(inputs, outputs, seed):
    weight = np.random.default_rng(seed).integers(-64, 65, (outputs, inputs)).astype(np.int8)
    assert np.array_equal(unpacked(_native.pack_int8(weight), inputs, outputs), weight.T)


def linears_of(content, shape):
    """The quantized layers that a file holds, as the simulation takes them."""
    tensors, _ = unpack(content)
    sizes = {
        "qkv": (shape.hidden, 3 * shape.hidden),
        "attention_output": (shape.hidden, shape.hidden),
        "intermediate": (shape.hidden, shape.intermediate),
        "output": (shape.intermediate, shape.hidden),
    }

    def one(name, inputs, outputs):
        smoothing = tensors.get(f"{name}.smoothing")
        weight = unpacked(tensors[f"{name}.weight"], inputs, outputs)
        assert np.array_equal(tensors[f"{name}.column_sum"][:outputs], weight.sum(axis=0, dtype=np.int32))
        return IntegerLinear(
            torch.from_numpy(weight.copy()),
            torch.from_numpy(tensors[f"{name}.scale"][:outputs].copy()),
            torch.from_numpy(tensors[f"{name}.bias"][:outputs].copy()),
            None if smoothing is None else torch.from_numpy(smoothing.copy()),
        )

    return [{kind: one(f"layer.{at}.{kind}", *sizes[kind]) for kind in KINDS} for at in range(shape.layers)]


def test_the_engine_computes_what_the_simulation_does(checkpoint, bundle):
    loaded = load_checkpoint(str(checkpoint), "embed", "tiny")
    weights = read_weights(loaded)
    layers = linears_of((bundle.path / NATIVE_MODEL).read_bytes(), loaded.shape)
    session = open_session(bundle, "native", 1)
    generator = np.random.default_rng(0)
    for tokens in (1, 2, 7, 30):
        ids = generator.integers(0, loaded.shape.vocabulary, (1, tokens)).astype(np.int32)
        sample = Sample(ids, (np.arange(tokens)[None] > tokens // 2).astype(np.int32))
        hidden = embed(weights, integer_table(weights.word), [sample])
        for layer, linears in zip(weights.layers, layers, strict=True):
            hidden = encode(
                layer, weights, hidden, [tokens], lambda kind, values, of=linears: of[kind](values), attend_integer
            )
        found = session.run(ids, np.ones_like(ids), sample.token_type_ids)[0]
        # a difference in the last bit of a float may flip the rounding of an activation, by one step of 255
        assert np.abs(found - hidden.numpy()).max() < 0.02
        assert np.abs(found - hidden.numpy()).mean() < 1e-3


def test_the_precise_mode_computes_what_the_simulation_does(checkpoint, tmp_path):
    precise = export(Recipe(tmp_path / "precise.bundle", model=str(checkpoint), precise=True))
    assert precise.manifest.scheme["native"] == "w8a14-token"
    content = (precise.path / NATIVE_MODEL).read_bytes()
    _, settings = unpack(content)
    assert (settings["edgebert.activations"], settings["edgebert.attention"]) == ("14", "fp32")
    loaded = load_checkpoint(str(checkpoint), "embed", "tiny")
    weights = read_weights(loaded)
    ids = np.random.default_rng(0).integers(0, loaded.shape.vocabulary, (1, 20)).astype(np.int32)
    hidden = embed(weights, integer_table(weights.word), [Sample(ids, np.zeros_like(ids))])
    for layer, linears in zip(weights.layers, linears_of(content, loaded.shape), strict=True):
        wide = {kind: dataclasses.replace(linear, activation_max=(1 << 14) - 1) for kind, linear in linears.items()}
        hidden = encode(layer, weights, hidden, [20], lambda kind, values, of=wide: of[kind](values))
    found = open_session(precise, "native", 1).run(ids, np.ones_like(ids), np.zeros_like(ids))[0]
    assert np.abs(found - hidden.numpy()).max() < 5e-4


def test_precise_is_of_int8_alone():
    with pytest.raises(InputError, match="precise is of int8 models"):
        Recipe(precision="fp32", precise=True)


def test_the_golden_answers_in_the_file_are_the_engines(classifier):
    tensors, settings = unpack((classifier.path / NATIVE_MODEL).read_bytes())
    assert json.loads(settings["edgebert.labels"]) == LABELS
    session = _native.Model.open(bytes(classifier.path / NATIVE_MODEL)).session(1)
    starts, texts = tensors["golden.row_starts"], tensors["golden.text_starts"]
    model = load_bundle(classifier, "native")
    for row in range(len(starts) - 1):
        ids = tensors["golden.input_ids"][None, starts[row] : starts[row + 1]]
        found = session.answer(np.ascontiguousarray(ids), np.array([ids.shape[1]], np.int64))
        assert found[0].tobytes() == tensors["golden.outputs"][row].tobytes()
        text = tensors["golden.texts"][texts[row] : texts[row + 1]].tobytes().decode()
        np.testing.assert_allclose(model.scores([text], return_truncated=True)[0][0], found[0], atol=2e-7)


def test_bits_alone_in_batches_and_with_threads(bundle):
    model = edgebert.load(bundle.path)
    assert model.session.engine == "native"
    alone = np.stack([model.encode(text, return_truncated=True)[0] for text in LINES])
    for threads in (1, 2):
        model = edgebert.load(bundle.path, threads=threads)
        for size in (3, 32, 200):
            assert model.encode(LINES, size, return_truncated=True)[0].tobytes() == alone.tobytes()


def test_bits_on_every_cpu_path(bundle):
    model = _native.Model.open(bytes(bundle.path / NATIVE_MODEL))
    ids = np.random.default_rng(0).integers(0, 50, (40, 20)).astype(np.int32)
    lengths = np.arange(40) % 20 + 1
    found = {path: model.session(1, 0, path).run(ids, lengths.astype(np.int64)) for path in _native.cpu_paths()}
    assert len({values.tobytes() for values in found.values()}) == 1


def test_verify_holds_the_native_engine_to_the_last_bit(own, seal):
    assert verify(own, "native").tolerance == 0.0
    golden = json.loads((own / "golden.json").read_text())
    value = golden["outputs"]["native"][0][0]
    golden["outputs"]["native"][0][0] = float(np.nextafter(np.float32(value), np.float32(1)))
    (own / "golden.json").write_text(json.dumps(golden))
    seal(own)
    with pytest.raises(edgebert.EdgebertError, match="text 0, output 0 is"):
        verify(own, "native")
    verify(own, "onnxruntime")


def test_numpy_is_enough(own, classifier):
    program = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "import numpy, edgebert\n"
        "from edgebert.bundle import open_bundle\n"
        "from edgebert.loader import load_bundle\n"
        "from edgebert.verify import verify\n"
        "model = edgebert.load(sys.argv[1]); print(model.session.engine, model.encode('turn on').shape)\n"
        "print(load_bundle(open_bundle(sys.argv[1]), baseline=True).session.engine)\n"
        "print(edgebert.load(sys.argv[2]).classify('turn on')['label'] in ('on', 'off', 'music'))\n"
        "print(verify(sys.argv[1]).engine)\n"
        "print([name for name in ('torch', 'onnx', 'typer') if name in sys.modules])\n"
    )
    command = [sys.executable, "-I", "-c", program, own, classifier.path]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["native (32,)", "native", "True", "native", "[]"]


def test_the_baseline_is_the_fused_graph_where_onnxruntime_is_installed(bundle):
    assert open_session(bundle, None, 1, baseline=True).engine == "onnxruntime"
    ids = np.array([[2, 7, 8, 3]], np.int32)
    sessions = [open_session(bundle, engine, 1, baseline=True) for engine in bundle.manifest.engines]
    ours, theirs = (session.run(ids, np.ones_like(ids)) for session in sessions)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
    assert not np.array_equal(ours, open_session(bundle, "native", 1).run(ids, np.ones_like(ids)))


def test_bad_arrays_are_refused(bundle):
    session = open_session(bundle, "native", 1)
    ids = np.array([[2, 7, 3]], np.int32)
    with pytest.raises(InputError, match="input_ids holds 5000"):
        session.run(np.full_like(ids, 5000), np.ones_like(ids))
    with pytest.raises(InputError, match="has 33 tokens, the model takes 32"):
        session.run(np.ones((1, 33), np.int32), np.ones((1, 33), np.int32))


def mangled(content):
    """Broken forms of a file: cut, flipped, with another header, empty."""
    generator = np.random.default_rng(0)
    for size in (0, 7, 8, 100, len(content) // 2, len(content) - 1):
        yield content[:size]
    for at in generator.integers(0, len(content), 20):
        yield content[:at] + bytes([content[at] ^ 1 << int(generator.integers(8))]) + content[at + 1 :]
    yield b"\xff" * 8 + content[8:]
    tensors, settings = unpack(content)
    settings["edgebert.layers"] = "1"
    yield pack(tensors, settings)
    yield pack(tensors, {**settings, "edgebert.layers": "3"})
    yield pack(tensors, {**settings, "edgebert.heads": "0"})
    yield pack({**tensors, "embeddings.type": np.full((2, 32), np.nan, np.float32)}, settings)


def test_a_broken_file_is_one_line(own, seal):
    content = (own / NATIVE_MODEL).read_bytes()
    for broken in mangled(content):
        (own / NATIVE_MODEL).write_bytes(broken)
        seal(own)
        with pytest.raises(BundleError) as caught:
            edgebert.load(own)
        assert "\n" not in str(caught.value)
        assert NATIVE_MODEL in str(caught.value)


def test_a_file_that_is_not_the_manifests_model_is_refused(own):
    document = json.loads((own / MANIFEST).read_text())
    document["shape"]["max_tokens"] = 64
    (own / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(BundleError, match="has max_tokens 32, the manifest says 64: export the bundle again"):
        edgebert.load(own)


def test_a_changed_file_is_refused(own):
    with (own / NATIVE_MODEL).open("r+b") as file:
        file.seek(5000)
        file.write(b"x")
    with pytest.raises(BundleError, match="was changed: its SHA-256"):
        edgebert.load(own)


def test_slim_and_fp32_bundles(checkpoint, tmp_path):
    slim = export(Recipe(tmp_path / "slim", model=str(checkpoint), slim=True))
    assert not slim.has(NATIVE_BASELINE) and not slim.has(BASELINE)
    with pytest.raises(BundleError, match=r"holds no model\.fp32\.onnx: export it again without --slim"):
        open_session(slim, None, 1, baseline=True)
    fp32 = export(Recipe(tmp_path / "fp32", model=str(checkpoint), precision="fp32"))
    assert fp32.has(NATIVE_MODEL) and fp32.has(MODEL) and not fp32.has(NATIVE_BASELINE)
    assert set(fp32.manifest.scheme.values()) == {"fp32"}
    assert verify(fp32.path, "native").largest_difference == 0.0


def test_a_model_that_the_engine_cannot_run_is_left_to_the_other(tmp_path):
    stages = []
    folder = save_encoder(tmp_path / "c", hidden_act="relu")
    bundle = export(Recipe(tmp_path / "b", model=str(folder)), stages.append)
    assert "leaving out the native engine: its activation is 'relu', the native engine has 'gelu'" in stages
    assert bundle.manifest.engines == ("onnxruntime",)
    assert not bundle.has(NATIVE_MODEL)
    assert open_bundle(bundle.path).manifest.engines == ("onnxruntime",)


def test_odd_sizes_are_padded(tmp_path):
    """Neither the hidden size nor the labels fill a panel of 16 outputs."""
    folder = save_classifier(tmp_path / "c", LABELS, hidden_size=36, intermediate_size=50)
    bundle = export(Recipe(tmp_path / "b", model=str(folder)))
    assert bundle.manifest.accuracy["native"]["fp32_difference_to_pytorch"] < 1e-4
    assert bundle.manifest.accuracy["native"]["score_difference_max"] < 0.05
