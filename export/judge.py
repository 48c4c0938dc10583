"""Judge a draft: compare it with its FP32 baseline and with PyTorch, through the runtime that the device has."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from edgebert.accuracy import Accuracy, compare
from edgebert.bundle import Bundle
from edgebert.calibration import Sample, evenly
from edgebert.engines import Session, open_session
from edgebert.errors import CheckpointError
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.texts import ExportTexts, golden_texts
from edgebert.golden import Golden, join_goldens, make_golden, model_outputs
from edgebert.loader import load_bundle

Numbers = dict[str, float | int | str]

# of the typical size of a value: FP32 kernels of PyTorch and ONNX Runtime differ by 1e-5 of it, a wrong graph by 1
_EXPORT_TOLERANCE = 1e-2
_EXPORT_SAMPLES = 16

# Integer products are exact everywhere, but the last bit of a float differs between CPUs and may flip the rounding of
# an activation. Shares of the typical size of an output, so that they hold for unit vectors and for raw ones.
_TOLERANCE = {"fp16": 0.05, "fp32": 0.001}
_TOLERANCE_INT8 = 0.25
_EXACT = ("native",)  # engines that give the same bits on every machine

# Engines that run on the device alone, and which engine runs the same graph here. Their kernels round elsewhere, so an
# answer may be off by more than one from ONNX Runtime, but not by a multiple of what INT8 costs.
_STAND_INS = {"tensorrt": "onnxruntime"}
_TOLERANCE_OF_DISTANCE = 3


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the manifest will promise; by engine where it depends on the engine."""

    accuracy: dict[str, Numbers]
    golden: Golden
    tolerance: dict[str, float]  # largest difference of an output from its golden value


def judge(draft: Bundle, checkpoint: Checkpoint, texts: ExportTexts, samples: Sequence[Sample]) -> Verdict:
    """Compare a draft with its baseline and its FP32 files with PyTorch, and let it give its golden answers.

    Raises:
        CheckpointError: an FP32 file does not compute what the checkpoint does.
    """
    manifest = draft.manifest
    expected = model_outputs(load_bundle(draft, baseline=True), texts.comparison)
    accuracy: dict[str, Numbers] = {}
    goldens = []
    for engine in (each for each in manifest.engines if each not in _STAND_INS):
        fp32 = open_session(draft, engine, 1, baseline=True)
        pytorch = compare_with_pytorch(checkpoint, fp32, evenly(samples, _EXPORT_SAMPLES))
        accuracy[engine] = {"fp32_difference_to_pytorch": float(f"{pytorch:.1g}")}
        model = load_bundle(draft, engine)
        goldens.append(make_golden(model, golden_texts(manifest.task)))
        if manifest.scheme[engine] != "fp32":
            found = model_outputs(model, texts.comparison)
            accuracy[engine] |= _numbers(compare(manifest.head, found, expected))
            accuracy[engine]["texts"] = len(texts.comparison)
    golden = join_goldens(goldens)
    tolerance = {engine: _tolerance(golden, engine, manifest.scheme[engine]) for engine in golden.outputs}
    for engine, stand_in in _STAND_INS.items():
        if engine in manifest.engines:
            accuracy[engine] = {**accuracy[stand_in], "measured_on": stand_in}
            golden = dataclasses.replace(golden, outputs={**golden.outputs, engine: golden.outputs[stand_in]})
            least = _tolerance(golden, engine, manifest.scheme[engine])
            tolerance[engine] = max(least, _distance(draft, golden, stand_in))
    return Verdict(accuracy, golden, tolerance)


def compare_with_pytorch(checkpoint: Checkpoint, session: Session, samples: Sequence[Sample]) -> float:
    """Check the FP32 graph against the checkpoint itself.

    Returns:
        The largest difference of an output, relative to the root mean square of all outputs.

    Raises:
        CheckpointError: they differ by more than rounding explains.
    """
    differences, squares = [], []
    for sample in samples:
        feed = {key: torch.from_numpy(value.astype(np.int64)) for key, value in sample.feed().items()}
        with torch.inference_mode():
            expected: npt.NDArray[np.float32] = checkpoint.model(**feed)[0].numpy()
        found = session.run(sample.input_ids, np.ones_like(sample.input_ids), sample.token_type_ids)
        differences.append(np.abs(found - expected).max())
        squares.append(np.square(expected, dtype=np.float64).mean())
    relative = float(np.max(differences) / max(np.sqrt(np.mean(squares)), np.finfo(np.float32).tiny))
    if not relative <= _EXPORT_TOLERANCE:
        raise CheckpointError(
            f"the exported graph of {checkpoint.name} differs from PyTorch by {relative:.2g} of its outputs"
        )
    return relative


def _numbers(accuracy: Accuracy) -> Numbers:
    found = dataclasses.asdict(accuracy)
    return {key: float(f"{value:.5g}") for key, value in found.items() if value is not None}


def _distance(draft: Bundle, golden: Golden, engine: str) -> float:
    """Return the largest distance from FP32 of a golden answer, times what another engine may add to it."""
    expected = make_golden(load_bundle(draft, engine, baseline=True), golden.texts).outputs[engine]
    pairs = zip(golden.outputs[engine], expected, strict=True)
    largest = max(float(np.abs(np.subtract(*pair)).max(initial=0)) for pair in pairs)
    return float(f"{_TOLERANCE_OF_DISTANCE * largest:.2g}")


def _tolerance(golden: Golden, engine: str, scheme: str) -> float:
    if engine in _EXACT:
        return 0.0
    values = np.concatenate([np.array(row) for row in golden.outputs[engine]])
    return float(f"{_TOLERANCE.get(scheme, _TOLERANCE_INT8) * np.sqrt(np.square(values).mean()):.2g}")
