"""The graphs of a bundle: its own model, its FP32 baseline, and where TensorRT asks for it an FP16 one."""

import dataclasses
from collections.abc import Mapping, Sequence

import onnx

from edgebert.bundle import BASELINE, HALF, MODEL
from edgebert.calibration import Sample
from edgebert.errors import CheckpointError
from edgebert.export.canonical import FLOAT, build
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.graph import to_graph
from edgebert.export.lower.weights import Weights, read_weights
from edgebert.export.quantize import quantize
from edgebert.export.recipe import Recipe
from edgebert.export.saturation import check_saturation
from edgebert.export.static import StaticMaker, StaticOptions
from edgebert.export.targets import Target
from edgebert.manifest import Shape

# TensorRT has an INT8 kernel for attention as a whole under these conditions alone; elsewhere INT8 would split it
_ATTENTION_HEAD_SIZES = (16, 32, 64)
_ATTENTION_TOKENS = 512
_ATTENTION_CAPABILITY = (7, 5)


@dataclasses.dataclass(frozen=True)
class Graphs:
    """The graphs of a bundle.

    Attributes:
        files: by file name.
        schemes: by engine that reads them: how the model's numbers are stored.
        provenance: how it was quantized, for the manifest.
    """

    files: Mapping[str, onnx.ModelProto]
    schemes: Mapping[str, str]
    provenance: Mapping[str, str]


def make_graphs(checkpoint: Checkpoint, samples: Sequence[Sample], target: Target, recipe: Recipe) -> Graphs:
    """Make the graphs that a recipe asks for.

    Args:
        checkpoint: the model.
        samples: texts for smoothing, and for the ranges of activations where they are fixed.
        target: decides their form.
        recipe: decides the precision.

    Raises:
        InputError: there are no samples, or an activation is not finite.
        CheckpointError: the model has a form that cannot be exported for the target.
    """
    if target.platform is None:
        return _for_cpu(checkpoint, samples, target, recipe)
    weights = _canonical_weights(checkpoint)
    exact = build(weights, FLOAT, dataclasses.replace(target.dialect, half=False))
    half = {HALF: build(weights, FLOAT, target.dialect)} if target.dialect.half else {}
    if recipe.precision == "fp16":
        return _half(exact, half.get(HALF))
    options = StaticOptions(target.dialect, residual=True, attention=_attention_fits(target, checkpoint.shape))
    maker = StaticMaker(weights, samples, options)
    chosen = maker.settings[0]
    scheme = target.scheme(static=True)
    return Graphs(
        {MODEL: maker.model(chosen), BASELINE: exact, **half},
        {"tensorrt": scheme, "onnxruntime": scheme},
        {"smoothing": chosen, "int8_attention": "yes" if options.attention else "no"},
    )


def _half(exact: onnx.ModelProto, half: onnx.ModelProto | None) -> Graphs:
    """Return the graphs of FP16: TensorRT before 11 reads the FP32 graph and is told to use FP16 by a flag."""
    if half is None:
        return Graphs({MODEL: exact}, {"tensorrt": "fp16", "onnxruntime": "fp32"}, {})
    return Graphs({MODEL: half, BASELINE: exact}, {"tensorrt": "fp16", "onnxruntime": "fp16"}, {})


def _for_cpu(checkpoint: Checkpoint, samples: Sequence[Sample], target: Target, recipe: Recipe) -> Graphs:
    exact = to_graph(checkpoint)
    if recipe.precision == "fp32":
        return Graphs({MODEL: exact}, {"onnxruntime": "fp32"}, {})
    if recipe.static:
        maker = StaticMaker(_canonical_weights(checkpoint), samples, StaticOptions(target.dialect))
        model, smoothing = maker.model(maker.settings[0]), maker.settings[0]
        if target.weight_bits == 7:
            check_saturation(model)
    else:
        quantized = quantize(exact, checkpoint.shape, samples, target)
        model, smoothing = quantized.model, str(quantized.smoothing or "none")
    scheme = target.scheme(recipe.static)
    return Graphs({MODEL: model, BASELINE: exact}, {"onnxruntime": scheme}, {"smoothing": smoothing})


def _canonical_weights(checkpoint: Checkpoint) -> Weights:
    activation = checkpoint.model.config.hidden_act
    if activation != "gelu":
        raise CheckpointError(
            f"{checkpoint.name} has the activation {activation!r}, fixed ranges need 'gelu': export it for a CPU"
        )
    return read_weights(checkpoint)


def _attention_fits(target: Target, shape: Shape) -> bool:
    """Say whether TensorRT has an INT8 kernel for the attention of a model."""
    return (
        target.platform is not None
        and target.platform.board.compute_capability >= _ATTENTION_CAPABILITY
        and shape.hidden // shape.heads in _ATTENTION_HEAD_SIZES
        and shape.max_tokens <= _ATTENTION_TOKENS
    )
