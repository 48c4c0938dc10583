"""Bundles of a tiny model, made with onnx alone: their answers depend on every token, on the mask and on the batch."""

import dataclasses
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgebert import cli
from edgebert.bundle import BASELINE, GOLDEN, MANIFEST, MODEL, TOKENIZER, open_bundle
from edgebert.files import sha256_of, write_json
from edgebert.golden import make_golden
from edgebert.loader import load_bundle
from edgebert.manifest import AnswerHead, ClassifyHead, EmbedHead, FileEntry, Head, Manifest, Shape, TagHead
from edgebert.tokenizer import Tokenizer

# training is tested on the CPU, also where there is a GPU: same bits twice holds there; test_gpu.py takes the GPU
os.environ["ACCELERATE_USE_CPU"] = "true"

WORDS = "turn on off the light lights play stop music volume up down what is battery please now in kitchen".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *LETTERS,
    *("##" + letter for letter in LETTERS),
    *",.!?'",
    *(word for word in WORDS if len(word) > 1),
]
HIDDEN = 8
MAX_TOKENS = 16
TEXTS = ("turn on the light", "", "play music, please!", "what is the battery level in the kitchen now")
TASKS = {EmbedHead: "embed", ClassifyHead: "classify", TagHead: "tag", AnswerHead: "answer"}
PAIRS = (("turn on", "the light"), ("stop", "play music now"))


@dataclasses.dataclass(frozen=True)
class Design:
    """What a tiny bundle is."""

    head: Head
    pairs: bool = False
    int8: bool = True
    weight: float = 1.0  # factor on the embeddings


def _constant(name: str, *shape: int) -> onnx.TensorProto:
    generator = np.random.default_rng(sum(map(ord, name)))
    return numpy_helper.from_array(generator.standard_normal(shape).astype(np.float32), name)


def _width(head: Head) -> int:
    """Numbers that the head gives a row or a token."""
    return len(head.labels) if isinstance(head, (ClassifyHead, TagHead)) else 2


def _graph(head: Head, int8: bool, weight: float) -> bytes:
    """Return a graph with dynamic batch and tokens; INT8 has one scale for the whole tensor, as dynamic INT8 has."""
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["word"]),
        helper.make_node("Gather", ["types", "token_type_ids"], ["type"]),
        helper.make_node("Add", ["word", "type"], ["embedded"]),
    ]
    if int8:
        nodes += [
            helper.make_node("DynamicQuantizeLinear", ["embedded"], ["quantized", "scale", "zero_point"]),
            helper.make_node("DequantizeLinear", ["quantized", "scale", "zero_point"], ["tokens"]),
        ]
    else:
        nodes += [helper.make_node("Identity", ["embedded"], ["tokens"])]
    nodes += [
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide_mask"]),
        helper.make_node("Mul", ["tokens", "wide_mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "middle"], ["context"], keepdims=1),
        helper.make_node("Tanh", ["context"], ["bounded"]),
        helper.make_node("Add", ["masked", "bounded"], ["hidden"]),
    ]
    outputs = ["batch", "tokens", HIDDEN]
    if isinstance(head, ClassifyHead):
        nodes += [
            helper.make_node("ReduceMean", ["hidden"], ["pooled"], axes=[1], keepdims=0),
            helper.make_node("MatMul", ["pooled", "classifier"], ["output"]),
        ]
        outputs = ["batch", len(head.labels)]
    elif not isinstance(head, EmbedHead):
        nodes += [helper.make_node("MatMul", ["hidden", "classifier"], ["output"])]
        outputs = ["batch", "tokens", _width(head)]
    else:
        nodes += [helper.make_node("Identity", ["hidden"], ["output"])]
    words = numpy_helper.to_array(_constant("words", len(VOCABULARY), HIDDEN)) * np.float32(weight)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, outputs)],
        [
            numpy_helper.from_array(words, "words"),
            _constant("types", 2, HIDDEN),
            _constant("classifier", HIDDEN, _width(head)),
            numpy_helper.from_array(np.array([2], np.int64), "last"),
            numpy_helper.from_array(np.array([1], np.int64), "middle"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def reseal(folder: Path) -> None:
    """Write the sizes and hashes of the files as they are now into the manifest."""
    document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for name in document["files"]:
        file = folder / name
        document["files"][name] = {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
    write_json(folder / MANIFEST, document)


def build(folder: Path, design: Design) -> Path:
    """Write a bundle with golden answers."""
    folder.mkdir()
    vocabulary = folder.parent / f"{folder.name}.vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    Tokenizer.from_file(vocabulary).save(folder / TOKENIZER)
    (folder / MODEL).write_bytes(_graph(design.head, design.int8, design.weight))
    (folder / BASELINE).write_bytes(_graph(design.head, False, design.weight))
    manifest = Manifest(
        name="tiny",
        task=TASKS[type(design.head)],
        target="cpu",
        precision="int8" if design.int8 else "fp32",
        scheme={"onnxruntime": "w8a8-dynamic" if design.int8 else "fp32"},
        engines=("onnxruntime",),
        shape=Shape("bert", 1, HIDDEN, 2, 16, len(VOCABULARY), MAX_TOKENS),
        head=design.head,
        tolerance={"onnxruntime": 1e-4},
        accuracy={"onnxruntime": {"cosine_mean": 0.99, "texts": 4}},
        provenance={"edgebert": "0.1.0"},
        files={name: FileEntry(0, "0" * 64) for name in (MODEL, BASELINE, TOKENIZER)},
    )
    write_json(folder / MANIFEST, manifest.to_json())
    reseal(folder)
    pairs = design.pairs or isinstance(design.head, AnswerHead)
    golden = make_golden(load_bundle(open_bundle(folder)), PAIRS if pairs else TEXTS)
    write_json(folder / GOLDEN, golden.to_json())
    listed = {**manifest.files, GOLDEN: FileEntry(0, "0" * 64)}
    write_json(folder / MANIFEST, dataclasses.replace(manifest, files=listed).to_json())
    reseal(folder)
    return folder


@pytest.fixture(scope="session")
def make_bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that builds a tiny bundle: make_bundle(head, pairs=..., int8=..., weight=...)."""
    built: dict[Design, Path] = {}

    def make(head: Head, *, pairs: bool = False, int8: bool = True, weight: float = 1.0) -> Path:
        design = Design(head, pairs, int8, weight)
        if design not in built:
            built[design] = build(tmp_path_factory.mktemp("bundles") / "tiny.bundle", design)
        return built[design]

    return make


@pytest.fixture(scope="session")
def embed_bundle(make_bundle: Callable[..., Path]) -> Path:
    """An "embed" bundle: mean pooling, normalized, 8 dimensions, at most 16 tokens. Do not change its files."""
    return make_bundle(EmbedHead("mean", True))


@pytest.fixture(scope="session")
def classify_bundle(make_bundle: Callable[..., Path]) -> Path:
    """A "classify" bundle with three labels of which one is right. Do not change its files."""
    return make_bundle(ClassifyHead(("light_on", "play_music", "battery"), "single_label_classification"))


@pytest.fixture(scope="session")
def tag_bundle(make_bundle: Callable[..., Path]) -> Path:
    """A "tag" bundle with two kinds of entities. Do not change its files."""
    return make_bundle(TagHead(("O", "B-PLACE", "I-PLACE", "B-THING", "I-THING")))


@pytest.fixture(scope="session")
def answer_bundle(make_bundle: Callable[..., Path]) -> Path:
    """An "answer" bundle. Do not change its files."""
    return make_bundle(AnswerHead())


@pytest.fixture
def own_bundle(embed_bundle: Path, tmp_path: Path) -> Path:
    """A copy of ``embed_bundle`` that a test may change."""
    return Path(shutil.copytree(embed_bundle, tmp_path / "own.bundle"))


@pytest.fixture(scope="session")
def seal() -> Callable[[Path], None]:
    """A function that makes the manifest of a changed bundle fit its files again."""
    return reseal


@pytest.fixture
def run(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run the command line in this process, which is much faster than in one of its own."""

    def run(*arguments: object, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit) as exit:
            cli.main([str(argument) for argument in arguments])
        signal.signal(signal.SIGTERM, before)
        out, err = capfdbinary.readouterr()
        assert isinstance(exit.value.code, int)
        return subprocess.CompletedProcess([], exit.value.code, out, err)

    return run


@pytest.fixture(scope="session")
def run_cli() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """A function that runs the command line in a process of its own: run_cli(*arguments, stdin=b"")."""

    def run(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-I", "-m", "edgebert.cli", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def jetson_bundle(embed_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a build plan for TensorRT 8.6 to 10, that onnxruntime runs too. Do not change its files."""
    import tensorrt_bundles

    return tensorrt_bundles.make(embed_bundle, tmp_path_factory.mktemp("jetson") / "jetson.bundle")


@pytest.fixture(scope="session")
def fake_gpu(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that has a GPU and TensorRT, see tests/fake_gpu."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler for a GPU of tests")
    source = Path(__file__).parent / "fake_gpu"
    library = tmp_path_factory.mktemp("cuda") / "libcuda.so.1"
    options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
    subprocess.run([compiler, *options, "-o", str(library), str(source / "libcuda.c")], check=True)
    return {**os.environ, "LD_LIBRARY_PATH": str(library.parent), "PYTHONPATH": str(source)}
