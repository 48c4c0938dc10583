"""Tiny bundles for TensorRT: a static Q/DQ graph, its FP32 baseline and a build plan."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
from conftest import reseal
from onnx import helper, numpy_helper

from edgebert.bundle import BASELINE, GOLDEN, MANIFEST, MODEL, PLAN, open_bundle
from edgebert.files import write_json
from edgebert.golden import model_outputs, parse_golden
from edgebert.loader import load
from edgebert.tensorrt.plan import BuildPlan, PlannedModel, Profile
from edgebert.tensorrt.version import Version

WEAK = {8: ("int8", "fp16"), 10: ("int8", "fp16")}
INT8 = PlannedModel(MODEL, WEAK)
FP16 = PlannedModel(BASELINE, {8: ("fp16",), 10: ("fp16",)})
PROFILES = (Profile(1, 4), Profile(2, 8), Profile(1, 16))
BUILD_PLAN = BuildPlan("trt10", 17, Version(8, 6), Version(11, 0), {"int8": INT8, "fp16": FP16}, PROFILES, 64 << 20)


def make(source: Path, folder: Path, plan: BuildPlan = BUILD_PLAN, tolerance: float = 0.02) -> Path:
    """Turn a tiny bundle with engine onnxruntime into one for TensorRT."""
    shutil.copytree(source, folder)
    (folder / MODEL).write_bytes(static_graph(folder / BASELINE))
    reseal(folder)
    document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    document["engines"] = ["tensorrt", "onnxruntime"]
    document["target"] = "jetson"
    for field, value in (("scheme", "w8a8-static"), ("tolerance", tolerance), ("accuracy", {})):
        document[field]["tensorrt"] = value
    document["files"][PLAN] = {"bytes": 0, "sha256": "0" * 64}
    write_json(folder / PLAN, plan.to_json())
    write_json(folder / MANIFEST, document)
    reseal(folder)
    bundle = open_bundle(folder)
    golden = parse_golden(bundle.json(GOLDEN), GOLDEN)
    rows = model_outputs(load(folder, "onnxruntime"), golden.texts)
    outputs = tuple(tuple(float(str(value)) for value in row.reshape(-1)) for row in rows)
    answers = dataclasses.replace(golden, outputs={"onnxruntime": outputs, "tensorrt": outputs})
    write_json(folder / GOLDEN, answers.to_json())
    reseal(folder)
    return folder


def static_graph(baseline: Path) -> bytes:
    """The baseline with a pair of QuantizeLinear and DequantizeLinear after the embeddings."""
    model = onnx.load(baseline)
    place = next(at for at, node in enumerate(model.graph.node) if node.output[0] == "tokens")
    del model.graph.node[place]
    scale = ["activation_scale", "activation_zero"]
    model.graph.node.insert(place, helper.make_node("DequantizeLinear", ["codes", *scale], ["tokens"]))
    model.graph.node.insert(place, helper.make_node("QuantizeLinear", ["embedded", *scale], ["codes"]))
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.float32(4 / 127), "activation_scale"),
            numpy_helper.from_array(np.int8(0), "activation_zero"),
        ]
    )
    return bytes(model.SerializeToString())
