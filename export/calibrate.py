"""Calibrate a checkpoint without exporting it."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

from edgebert.calibration import (
    BUILTIN,
    SAMPLES,
    CalibrationReport,
    Drawn,
    Ranges,
    Samples,
    calibrate,
    check_lengths,
    draw_texts,
    observer_named,
    open_source,
)
from edgebert.calibration.sources import Source
from edgebert.export.checkpoint import Checkpoint, load_checkpoint
from edgebert.export.graphs import canonical_weights
from edgebert.export.recipe import model_name
from edgebert.export.static import OBSERVERS, find_smoothing, tapped_graph
from edgebert.export.tokens import samples_of, write_tokenizer
from edgebert.texts import Record, parted_for

_WEIGHT_LIMIT = 127  # of a Jetson


@dataclasses.dataclass(frozen=True)
class CalibrationRecipe:
    """What to calibrate, and how.

    Attributes:
        model: checkpoint folder or hub id; None is the MiniLM of the ``demo`` extra.
        task: ``embed``, ``classify``, ``tag``, ``answer`` or ``auto``.
        source: texts, see `edgebert.calibration.open_source`.
        column: column of the texts.
        samples: how many texts to measure at most; a quarter more is held out for the report.
        seed: of the draw.
        observer: name of one observer for every tensor; None takes the default of each kind of tensor.
    """

    model: str | None = None
    task: str = "auto"
    source: Source = BUILTIN
    column: str | None = None
    samples: int = SAMPLES
    seed: int = 0
    observer: str | None = None


def calibrate_checkpoint(
    recipe: CalibrationRecipe, progress: Callable[[str], None] = lambda stage: None
) -> tuple[Ranges, CalibrationReport]:
    """Measure smoothing and ranges of a checkpoint, and how far they can be trusted.

    Args:
        recipe: what to calibrate.
        progress: told the name of each stage as it begins.

    Raises:
        InputError: the texts cannot be used, or an activation is not finite.
        CheckpointError: the checkpoint is missing, damaged or not supported.
        MissingExtraError: a library for the texts, or the demo model, is not installed.
    """
    makers = OBSERVERS if recipe.observer is None else dict.fromkeys(OBSERVERS, observer_named(recipe.observer))
    progress("drawing texts")
    name, records = open_source(recipe.source, recipe.column)
    drawn = draw_texts(name, records, recipe.samples, recipe.samples // 4, recipe.seed)
    progress("loading the checkpoint")
    checkpoint = load_checkpoint(recipe.model, recipe.task, model_name(recipe.model))
    weights = canonical_weights(checkpoint)
    samples = _samples(checkpoint, drawn)
    check_lengths(name, samples.measured)
    progress("choosing the smoothing")
    smoothing = find_smoothing(weights, samples.measured, _WEIGHT_LIMIT)
    graph, tensors = tapped_graph(weights, smoothing.factors)
    progress("measuring activations")
    ranges, report = calibrate(graph, tensors, makers, samples, checkpoint.weights_sha256)
    return smoothing.joined_to(ranges), report


def _samples(checkpoint: Checkpoint, drawn: Drawn[Record]) -> Samples:
    """Return the texts as a checkpoint takes them."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = write_tokenizer(checkpoint, Path(folder))
    ends = parted_for(checkpoint.task, drawn.chosen, drawn.held_out)
    measured, held_out = (tuple(samples_of(tokenizer, texts, checkpoint.shape.max_tokens)) for texts in ends)
    return Samples(drawn.source, drawn.read, measured, held_out)
