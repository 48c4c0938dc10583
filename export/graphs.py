"""The graphs of a bundle: its own model, its FP32 baseline, and where TensorRT asks for it an FP16 one."""

import dataclasses
from collections.abc import Mapping, Sequence

from edgebert.bundle import BASELINE, HALF, MODEL
from edgebert.calibration import Sample, load_ranges
from edgebert.errors import CheckpointError
from edgebert.export.canonical import FLOAT, Dialect, build
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.graph import to_graph
from edgebert.export.lint import check
from edgebert.export.lower.weights import Weights, read_weights
from edgebert.export.mix import Maker, Mix
from edgebert.export.platforms import Platform, fuses_int8_attention
from edgebert.export.quantize import quantize
from edgebert.export.recipe import Recipe
from edgebert.export.static import StaticMaker, StaticOptions, measure
from edgebert.export.targets import Target


@dataclasses.dataclass(frozen=True)
class Graphs:
    """The graphs of a bundle.

    Attributes:
        files: serialized, by file name.
        schemes: by engine that reads them: how the model's numbers are stored.
        provenance: how the model was quantized, for the manifest.
        maker: makes the model in other ways; None where it is not INT8.
    """

    files: Mapping[str, bytes]
    schemes: Mapping[str, str]
    provenance: Mapping[str, str] = dataclasses.field(default_factory=dict)
    maker: Maker | None = None


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
    if target.platform is not None:
        return _for_tensorrt(checkpoint, samples, target, target.platform, recipe)
    exact = to_graph(checkpoint)
    baseline = bytes(exact.SerializeToString())
    if recipe.precision == "fp32":
        return Graphs({MODEL: baseline}, {"onnxruntime": "fp32"})
    if not recipe.static:
        maker: Maker = quantize(exact, checkpoint.shape, samples, target).maker
    else:
        maker = _static_maker(checkpoint, samples, recipe, StaticOptions(target.dialect))
    made = maker.make(Mix(maker.settings[0]))
    schemes = {"onnxruntime": target.scheme(recipe.static)}
    return Graphs({MODEL: made.content, BASELINE: baseline}, schemes, made.provenance, maker)


def _for_tensorrt(
    checkpoint: Checkpoint, samples: Sequence[Sample], target: Target, platform: Platform, recipe: Recipe
) -> Graphs:
    weights, dialect = canonical_weights(checkpoint), target.dialect
    exact = _in_float(weights, dataclasses.replace(dialect, half=False), platform)
    half = {HALF: _in_float(weights, dialect, platform)} if dialect.half else {}
    if recipe.precision == "fp16":
        return _half(exact, half.get(HALF))
    shape = checkpoint.shape
    fuses = fuses_int8_attention(platform, shape.hidden // shape.heads, shape.max_tokens)
    whole = not recipe.linear_only
    options = StaticOptions(dialect, residual=whole, attention=whole and fuses, platform=platform)
    maker = _static_maker(checkpoint, samples, recipe, options)
    made = maker.make(Mix(maker.settings[0]))
    schemes = dict.fromkeys(("tensorrt", "onnxruntime"), target.scheme(static=True))
    return Graphs({MODEL: made.content, BASELINE: exact, **half}, schemes, made.provenance, maker)


def _static_maker(
    checkpoint: Checkpoint, samples: Sequence[Sample], recipe: Recipe, options: StaticOptions
) -> StaticMaker:
    """Return what makes graphs with fixed ranges, from a file of ranges where the recipe names one."""
    weights = canonical_weights(checkpoint)
    if recipe.ranges is None:
        measured = measure(weights, samples, options.dialect.weight_limit, checkpoint.weights_sha256)
    else:
        ranges = load_ranges(recipe.ranges)
        ranges.check_model(checkpoint.weights_sha256)
        measured = {f"as in {recipe.ranges.name}": ranges}
    return StaticMaker(weights, measured, samples, options)


def _half(exact: bytes, half: bytes | None) -> Graphs:
    """Return the graphs of FP16: where types are not strong, a flag tells TensorRT to run the FP32 graph in FP16."""
    if half is None:
        return Graphs({MODEL: exact}, {"tensorrt": "fp16", "onnxruntime": "fp32"})
    return Graphs({MODEL: half, BASELINE: exact}, {"tensorrt": "fp16", "onnxruntime": "fp16"})


def _in_float(weights: Weights, dialect: Dialect, platform: Platform) -> bytes:
    model = build(weights, FLOAT, dialect)
    check(model, platform, len(weights.position))
    return bytes(model.SerializeToString())


def canonical_weights(checkpoint: Checkpoint) -> Weights:
    """Return the weights of a checkpoint whose graph can be built in any dialect.

    Raises:
        CheckpointError: its activation is not GELU.
    """
    activation = checkpoint.model.config.hidden_act
    if activation != "gelu":
        raise CheckpointError(
            f"{checkpoint.name} has the activation {activation!r}, fixed ranges need 'gelu': export it for a CPU"
        )
    return read_weights(checkpoint)
