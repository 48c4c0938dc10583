"""`edgebert lint` as a user meets it."""

import json

import numpy as np
import onnx
import pytest
from mutations import store
from qdq import Form, qdq_graph

from edgebert.export.lint import nvidia

needs_nvidia = pytest.mark.skipif(not nvidia.available(), reason="NVIDIA's parser is not installed (tensorrt-check)")


@pytest.fixture
def good(tmp_path):
    onnx.save(qdq_graph(), tmp_path / "good.onnx")
    return tmp_path / "good.onnx"


@pytest.fixture
def bad(tmp_path):
    model = qdq_graph(Form(residual=False))
    store(model, "layer.0.qkv.input.scale", np.array(0, np.float32))
    onnx.save(model, tmp_path / "bad.onnx")
    return tmp_path / "bad.onnx"


def test_a_good_graph(run, good):
    done = run("lint", good, "--target", "jetson", "--jetpack", 6)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == (f"{good} for jetson-orin, JetPack 6, TensorRT 8.6 and 10.3: 0 errors, 0 warnings\n")


def test_a_bad_graph_names_node_rule_reason_and_fix(run, bad):
    done = run("lint", bad)
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert lines[0] == (
        "error scale-sign at layer.0.qkv.input.quantized: the scale 'layer.0.qkv.input.scale' is 0 at 0 of 1"
    )
    assert lines[1].startswith("  fix: raise it to a small positive number")
    assert sum("fix: put a pair of its own" in line for line in lines) == 1
    assert lines[-1].endswith("2 errors, 2 warnings")


def test_json(run, bad):
    done = run("lint", bad, "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert (document["errors"], document["warnings"]) == (2, 2)
    assert document["platform"] == "jetson-orin, JetPack 6, TensorRT 8.6 and 10.3"
    assert set(document["findings"][0]) == {"rule", "severity", "node", "why", "fix"}
    assert "parser" not in document


def test_many_findings_of_a_rule_are_shortened(run, tmp_path):
    onnx.save(qdq_graph(Form(jetpack=7)), tmp_path / "seven.onnx")
    lines = run("lint", tmp_path / "seven.onnx", "--jetpack", 5).stdout.decode().splitlines()
    assert sum(line.startswith("error scale-type") for line in lines) == 8
    assert any(line.startswith("... and ") and line.endswith(" more of scale-type") for line in lines)


def test_warnings_do_not_fail(run, tmp_path):
    onnx.save(qdq_graph(Form(residual=False)), tmp_path / "slow.onnx")
    assert run("lint", tmp_path / "slow.onnx").returncode == 0


def test_the_length_counts(run, good):
    done = run("lint", good, "--max-tokens", 600)
    assert done.returncode == 0
    assert "warning attention-length" in done.stdout.decode()


@needs_nvidia
def test_nvidia_is_asked(run, good, bad):
    done = run("lint", good, "--build", "--max-tokens", 24, "--json")
    assert done.returncode == 0, done.stderr
    parser = json.loads(done.stdout)["parser"]
    assert parser["errors"] == [] and parser["engine_bytes"] > 100_000 and parser["int8_tensors"] == 16
    done = run("lint", bad, "--with-parser")
    assert done.returncode == 1
    said = done.stdout.decode()
    assert "error of NVIDIA's parser at QuantizeLinear layer.0.qkv.input.quantized: " in said
    assert "not that of TensorRT 8.5, 8.6 or 10.3" in said


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--jetpack", "4"], "JetPack 4 carries TensorRT 8.2 or older"),
        (["--target", "jetson-thor", "--jetpack", "5"], "JetPack 5 does not exist for jetson-thor"),
        (["--target", "cpu"], "'cpu' does not run TensorRT"),
        (["--tensorrt", "12.0"], "TensorRT 12.0 is too new"),
    ],
)
def test_platforms_that_do_not_exist_are_one_line(run, good, flags, words):
    done = run("lint", good, *flags)
    assert (done.returncode, done.stdout) == (1, b"")
    assert words in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1


def test_what_cannot_be_linted_is_one_line(run, tmp_path, embed_bundle):
    (tmp_path / "text.onnx").write_text("no graph")
    for path, words in (
        (tmp_path / "text.onnx", "is not an ONNX file"),
        (tmp_path / "none.onnx", "No such file"),
        (tmp_path, "is not a bundle"),
    ):
        done = run("lint", path)
        assert done.returncode == 1
        assert words in done.stderr.decode()
        assert len(done.stderr.decode().splitlines()) == 1
    done = run("lint", embed_bundle)  # quantized dynamically, for a CPU
    assert done.returncode == 1
    assert "error already-quantized" in done.stdout.decode()
