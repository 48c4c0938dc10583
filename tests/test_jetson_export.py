"""Bundles for Jetson boards, and graphs with fixed ranges for CPUs: what is in them, and that they run here."""

import json
import warnings
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from checkpoints import save_classifier, save_encoder

import edgebert
from edgebert.bench import Settings
from edgebert.bench import run as run_bench
from edgebert.bundle import BASELINE, HALF, MODEL, NATIVE_BASELINE, NATIVE_MODEL, PLAN, model_file
from edgebert.engines import EngineWarning, open_session
from edgebert.errors import CheckpointError, InputError
from edgebert.export import Recipe, export
from edgebert.export.build_plan import buckets
from edgebert.export.canonical.dialects import ORT_ARM64, TENSORRT_8_5, TENSORRT_8_6, TENSORRT_10_13
from edgebert.export.checkpoint import load_checkpoint
from edgebert.export.lint import lint_file, platform_named, source_of
from edgebert.export.lower.weights import KINDS, read_weights
from edgebert.export.mix import Mix
from edgebert.export.static import StaticMaker, StaticOptions, measure
from edgebert.export.targets import target_named
from edgebert.export.tokens import samples_of
from edgebert.loader import load_bundle
from edgebert.prepare.trtexec import trtexec_lines
from edgebert.tensorrt.plan import read_plan
from edgebert.tokenizer import Tokenizer
from edgebert.verify import verify

HERE = ("native", "onnxruntime")
TEXTS = [f"turn on light {n} in the kitchen please " * (n % 5) for n in range(90)]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("t") / "texts.txt"
    path.write_text("\n".join(TEXTS))
    return str(path)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_encoder(tmp_path_factory.mktemp("c") / "tiny", hidden_size=64, num_attention_heads=4)


@pytest.fixture(scope="module")
def make(checkpoint, texts, tmp_path_factory):
    """A function that exports a bundle, once for each recipe."""
    made = {}

    def make(**settings):
        key = tuple(sorted(settings.items()))
        if key not in made:
            output = tmp_path_factory.mktemp("b") / "x.bundle"
            made[key] = export(Recipe(output, **{"model": str(checkpoint), "calibration": texts, **settings}))
        return made[key]

    return make


@pytest.mark.parametrize("jetpack", [5, 6, 7])
def test_a_bundle_for_a_jetson(make, jetpack):
    bundle = make(target="jetson", jetpack=jetpack)
    manifest = bundle.manifest
    assert (manifest.target, manifest.precision) == ("jetson-orin", "int8")
    assert manifest.engines == ("tensorrt", "native", "onnxruntime")
    assert manifest.scheme == {"tensorrt": "w8a8-static", "native": "w7a8-token", "onnxruntime": "w8a8-static"}
    files = {MODEL, BASELINE, NATIVE_MODEL, NATIVE_BASELINE, PLAN}
    assert files <= manifest.files.keys() and bundle.has(HALF) == (jetpack == 7)
    assert lint_file(source_of(bundle.path, None), platform_named("jetson", jetpack)) == []
    nodes = onnx.load(bundle.path / MODEL).graph.node
    operators = Counter(node.op_type for node in nodes)
    contexts = sum(node.name.endswith(".context.quantized") for node in nodes)  # where the layer after it is smoothed
    # two layers: four inputs of linear layers, two residuals, four inputs of attention's products; and six weights
    assert operators["QuantizeLinear"] == 2 * 10 + contexts + (0 if jetpack == 7 else 2 * 6)
    assert operators["DequantizeLinear"] == 2 * 10 + contexts + 2 * 6


@pytest.mark.parametrize("jetpack", [6, 7])
def test_it_runs_here_without_tensorrt(make, jetpack):
    bundle = make(target="jetson", jetpack=jetpack)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EngineWarning)
        assert edgebert.load(bundle.path).session.engine == "native"
    for engine in HERE:
        assert verify(bundle.path, engine).engine == engine
    whole = edgebert.load(bundle.path, "onnxruntime").encode(TEXTS[:5])
    assert whole.dtype == np.float32 and whole.shape == (5, 64)
    exact = load_bundle(bundle, "onnxruntime", baseline=True).encode(TEXTS[:5])
    assert 0 < np.abs(whole - exact).max() < 0.1


def test_what_it_says_of_tensorrt_was_measured_on_the_same_graph(make):
    bundle = make(target="jetson", jetpack=6)
    golden = bundle.json("golden.json")
    assert golden["outputs"]["tensorrt"] == golden["outputs"]["onnxruntime"]
    accuracy, tolerance = bundle.manifest.accuracy, bundle.manifest.tolerance
    assert accuracy["tensorrt"] == {**accuracy["onnxruntime"], "measured_on": "onnxruntime"}
    assert tolerance["tensorrt"] >= tolerance["onnxruntime"] > tolerance["native"] == 0
    report = (bundle.path / "report.md").read_text()
    assert "| engine that these were measured on | onnxruntime |  |  |" in report
    assert "edgebert prepare" in (bundle.path / "README.md").read_text()
    assert "Ranges of activations: fixed by 36 texts, texts.txt." in report


@pytest.mark.parametrize(
    ("settings", "models", "oldest", "below"),
    [
        (
            {"jetpack": 5},
            {
                "int8": (MODEL, {8: ("int8", "fp16"), 10: ("int8", "fp16")}),
                "fp16": (BASELINE, {8: ("fp16",), 10: ("fp16",)}),
            },
            "8.5",
            "11.0",
        ),
        (
            {"jetpack": 7},
            {
                name: (file, dict.fromkeys((10, 11), ("strongly_typed",)))
                for name, file in (("int8", MODEL), ("fp16", HALF))
            },
            "10.13",
            "12.0",
        ),
        ({"jetpack": 5, "precision": "fp16"}, {"fp16": (MODEL, {8: ("fp16",), 10: ("fp16",)})}, "8.5", "11.0"),
    ],
)
def test_the_plan_for_the_device(make, settings, models, oldest, below):
    bundle = make(target="jetson", **settings)
    plan = read_plan(bundle)
    assert {name: (model.file, dict(model.flags)) for name, model in plan.models.items()} == models
    assert (str(plan.oldest), str(plan.below)) == (oldest, below)
    assert [(profile.batch, profile.tokens) for profile in plan.profiles] == [(1, 16), (1, 32), (1, 64)]
    (line,) = (line for line in trtexec_lines(bundle, oldest) if MODEL in line)
    flags = {word for word in line.split() if word.startswith("--") and "=" not in word}
    int8 = {"--int8"} if "int8" in models else set()
    assert flags == ({"--stronglyTyped"} if settings["jetpack"] == 7 else {"--fp16"} | int8)


def test_linear_layers_alone(make):
    graph = onnx.load(make(target="jetson", jetpack=6, linear_only=True).path / MODEL).graph
    quantized = {node.name for node in graph.node if node.op_type == "QuantizeLinear" and ".weight" not in node.name}
    assert quantized == {f"layer.{number}.{kind}.input.quantized" for number in range(2) for kind in KINDS}


def test_lengths_that_get_an_engine_of_their_own():
    assert buckets(8) == [8]
    assert buckets(16) == [16]
    assert buckets(256) == [16, 32, 64, 128, 256]
    assert buckets(300)[-2:] == [256, 300]


def test_a_slim_bundle_has_nothing_to_race_against(make):
    bundle = make(target="jetson", jetpack=7, slim=True)
    assert not {HALF, BASELINE, NATIVE_BASELINE} & bundle.manifest.files.keys()
    assert list(read_plan(bundle).models) == ["int8"]
    assert verify(bundle.path, "onnxruntime").outputs > 0


@pytest.mark.parametrize(("jetpack", "scheme"), [(5, "fp32"), (7, "fp16")])
def test_the_graph_that_int8_must_beat(make, jetpack, scheme):
    bundle = make(target="jetson", jetpack=jetpack, precision="fp16")
    assert bundle.manifest.scheme == {"tensorrt": "fp16", "native": "fp32", "onnxruntime": scheme}
    types = Counter(tensor.data_type for tensor in onnx.load(bundle.path / MODEL).graph.initializer)
    assert types[onnx.TensorProto.INT8] == 0
    assert types[onnx.TensorProto.FLOAT16 if jetpack == 5 else onnx.TensorProto.FLOAT] == 0
    # an engine that computes in FP32 is its own baseline, and says so in a benchmark
    assert model_file(bundle.manifest, "onnxruntime", True) == (MODEL if jetpack == 5 else BASELINE)
    for engine in HERE:
        verify(bundle.path, engine)
    report = run_bench(bundle.path, Settings(rounds=1, sample=2, starts=1))
    names = [row.name for row in report.rows]
    wanted = ["FP32 (native)", *(["FP16 (onnxruntime)"] if jetpack == 7 else []), "FP32 (onnxruntime)"]
    assert sorted(names) == sorted(wanted)


def test_a_benchmark_of_a_bundle_for_a_jetson(make):
    report = run_bench(make(target="jetson", jetpack=6).path, Settings(rounds=1, sample=2, starts=1))
    names = [row.name for row in report.rows]
    assert set(names) == {"INT8 (native)", "INT8 (onnxruntime)", "FP32 (native)", "FP32 (onnxruntime)"}


def test_a_classifier_for_xavier_keeps_attention_in_float(texts, tmp_path):
    save_classifier(tmp_path / "tiny", ["on", "off"], hidden_size=64, num_attention_heads=4)
    bundle = export(Recipe(tmp_path / "b", model=str(tmp_path / "tiny"), calibration=texts, target="jetson-xavier"))
    graph = onnx.load(bundle.path / MODEL).graph
    quantized = {node.name.split(".", 2)[-1] for node in graph.node if node.op_type == "QuantizeLinear"}
    assert "probabilities.quantized" not in quantized and "attention_residual.quantized" in quantized
    assert read_plan(bundle).dialect == "tensorrt-8.5"
    assert edgebert.load(bundle.path, "onnxruntime").classify("turn on")["label"] in ("on", "off")


def test_a_cpu_with_fixed_ranges(make, tmp_path):
    bundle = make(target="cpu-x86", static=True)
    assert bundle.manifest.scheme == {"native": "w7a8-token", "onnxruntime": "w7a8-static"}
    assert not bundle.has(PLAN)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(str(bundle.path / MODEL), options, providers=["CPUExecutionProvider"])
    found = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert (found["MatMulIntegerToFloat"], found["DequantizeLinear"]) == (4 * 2, 0)
    verify(bundle.path, "onnxruntime")
    # unlike dynamic ranges, fixed ones do not depend on what else is in the batch
    session = open_session(bundle, "onnxruntime", 1)._session
    ids = np.random.default_rng(0).integers(5, 60, (2, 7)).astype(np.int32)
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    both = session.run(None, feed)[0]
    alone = session.run(None, {name: values[:1] for name, values in feed.items()})[0]
    np.testing.assert_allclose(both[:1], alone, atol=1e-5)


def test_the_same_recipe_gives_the_same_bytes(make, checkpoint, texts, tmp_path):
    first = make(target="jetson", jetpack=6)
    again = export(Recipe(tmp_path / "b", model=str(checkpoint), calibration=texts, target="jetson", jetpack=6))
    assert again.manifest.files == first.manifest.files


@pytest.fixture(scope="module")
def maker(checkpoint, tmp_path_factory):
    loaded = load_checkpoint(str(checkpoint), "embed", "tiny")
    tokenizer = Tokenizer.from_file(checkpoint / "tokenizer.json")
    samples = list(samples_of(tokenizer, TEXTS[:20], loaded.shape.max_tokens))
    weights = read_weights(loaded)
    measured = measure(weights, samples, 127, loaded.weights_sha256)
    return StaticMaker(weights, measured, samples, StaticOptions(TENSORRT_8_6, residual=True, attention=True))


def quantized_in(made):
    graph = onnx.load_from_string(made.content).graph
    return {node.name.removesuffix(".quantized") for node in graph.node if node.op_type == "QuantizeLinear"}


def test_a_graph_is_made_again_with_layers_in_float(maker):
    *whole, linear_only = maker.settings
    assert linear_only == f"{whole[0]}; linear layers alone"
    floats = frozenset(["layer.0.output", "layer.1.attention_output"])
    for setting in whole:
        made = maker.make(Mix(setting))
        assert made.provenance == {"smoothing": setting}
        gone = quantized_in(made) - (mixed := quantized_in(maker.make(Mix(setting, floats))))
        assert gone == {f"{name}.{part}" for name in floats for part in ("input", "weight")}
        assert "layer.1.context" in mixed  # attention still ends in INT8
    activations = {
        name for name in quantized_in(maker.make(Mix(linear_only))) if ".weight" not in name and ".qkv." not in name
    }
    assert activations == {f"layer.{n}.{kind}.input" for n in range(2) for kind in KINDS if kind != "qkv"}


def test_one_layer_alone(maker):
    assert quantized_in(maker.alone("layer.1.output")) == {"layer.1.output.input", "layer.1.output.weight"}


@pytest.mark.parametrize(
    ("name", "jetpack", "tensorrt", "dialect"),
    [
        ("jetson", None, None, TENSORRT_8_6),
        ("jetson-orin", 5, None, TENSORRT_8_5),
        ("jetson-orin", 7, None, TENSORRT_10_13),
        ("jetson-xavier", None, None, TENSORRT_8_5),
        ("jetson-thor", None, None, TENSORRT_10_13),
        ("jetson", 6, "10.3", TENSORRT_8_6),
        ("jetson", None, "8.5", TENSORRT_8_5),
        ("jetson", None, "11.4.1", TENSORRT_10_13),
        ("cpu-arm64", None, None, ORT_ARM64),
    ],
)
def test_the_dialect_of_a_target(name, jetpack, tensorrt, dialect):
    assert target_named(name, jetpack, tensorrt).dialect is dialect


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": "jetson-thor", "jetpack": 5}, "JetPack 5 does not exist for jetson-thor"),
        ({"target": "jetson-xavier", "jetpack": 6}, "JetPack 6 does not exist for jetson-xavier"),
        ({"target": "jetson", "jetpack": 4}, "JetPack 4 carries TensorRT 8.2 or older"),
        ({"target": "jetson", "tensorrt": "12.0"}, "TensorRT 12.0 is too new"),
        ({"target": "jetson", "tensorrt": "8.2"}, "TensorRT 8.2 is too old"),
        ({"target": "jetson", "tensorrt": "new"}, "'new' is no version of TensorRT"),
        ({"target": "cpu-x86", "jetpack": 6}, "jetpack is 6, but cpu-x86 has none"),
        ({"target": "cpu-x86", "tensorrt": "10.3"}, "tensorrt is 10.3, but cpu-x86 has none"),
        ({"target": "cpu-x86", "precision": "fp16"}, "precision is 'fp16', cpu-x86 is served in int8 or fp32"),
        ({"target": "jetson", "precision": "fp32"}, "precision is 'fp32', jetson-orin is served in int8 or fp16"),
        ({"target": "jetson", "model": "./mine"}, "give --calibration FILE, or --calibration builtin to insist"),
        ({"target": "cpu-x86", "static": True, "model": "./mine"}, "give --calibration FILE, or --calibration builtin"),
    ],
)
def test_recipes_that_are_refused(settings, words):
    with pytest.raises(InputError) as caught:
        Recipe(**settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"target": "jetson"},
        {"target": "jetson", "model": "./mine", "calibration": "builtin"},
        {"target": "jetson", "model": "./mine", "precision": "fp16"},
        {"target": "cpu-x86", "model": "./mine"},
    ],
)
def test_recipes_that_need_no_texts(settings):
    assert Recipe(**settings)


def test_an_activation_that_cannot_have_fixed_ranges(texts, tmp_path):
    save_encoder(tmp_path / "tiny", hidden_act="relu")
    recipe = Recipe(tmp_path / "b", model=str(tmp_path / "tiny"), calibration=texts, target="jetson")
    with pytest.raises(CheckpointError, match="tiny has the activation 'relu', fixed ranges need 'gelu'"):
        export(recipe)
    assert not (tmp_path / "b").exists()


def test_the_command_line(checkpoint, texts, tmp_path, run):
    done = run(*("export", "--int8", "--target", "jetson", "--jetpack", "5", "--model", checkpoint), "-q")
    assert done.returncode == 1 and b"--calibration builtin to insist" in done.stderr
    flags = ("--fp16", "--target", "jetson", "--tensorrt", "10.13", "--model", checkpoint, "-o", tmp_path / "b")
    done = run("export", *flags, "--json", "-q")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scheme"]["tensorrt"] == "fp16"
    assert run("export", "--int8", "--fp16").returncode == 2
