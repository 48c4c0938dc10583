"""The main road: checkpoint, FP32 graph, INT8 graph, comparison, bundle."""

from collections.abc import Callable
from pathlib import Path

import onnx

from edgebert.bundle import BASELINE, MODEL, Bundle, open_bundle
from edgebert.calibration import Sample
from edgebert.classifier import Classifier
from edgebert.encoder import Encoder
from edgebert.export.checkpoint import Checkpoint, load_checkpoint
from edgebert.export.compare import Numbers, compare_scores, compare_vectors, compare_with_pytorch, golden_tolerance
from edgebert.export.graph import to_graph
from edgebert.export.quantize import quantize
from edgebert.export.recipe import Recipe, model_name, output_of
from edgebert.export.targets import Target, target_named
from edgebert.export.texts import GOLDEN_TEXTS, ExportTexts, read_export_texts
from edgebert.export.tokens import check_tokens, samples_of, write_tokenizer
from edgebert.export.write import draft_bundle, finish_bundle
from edgebert.files import new_folder
from edgebert.golden import Golden, make_golden, model_outputs
from edgebert.load import load_bundle
from edgebert.manifest import ClassifyHead

Progress = Callable[[str], None]


def export(recipe: Recipe, progress: Progress = lambda stage: None) -> Bundle:
    """Turn a BERT checkpoint into a bundle that a device can run.

    Args:
        recipe: what to export, for which target, and where to.
        progress: told the name of each stage as it begins.

    Raises:
        InputError: the recipe, its texts or its output cannot be used.
        CheckpointError: the checkpoint is missing, damaged or not supported.
        TokenizerError: its tokenizer is not supported.
        MissingExtraError: the demo model was asked for and is not installed.
    """
    target = target_named(recipe.target)
    output = output_of(recipe)
    with new_folder(output, replace=recipe.force) as folder:
        progress("loading the checkpoint")
        texts = read_export_texts(recipe.texts, recipe.column)
        checkpoint = load_checkpoint(recipe.model, recipe.task, recipe.name or model_name(recipe.model))
        progress("compiling the tokenizer")
        tokenizer = write_tokenizer(checkpoint, folder)
        check_tokens(tokenizer, checkpoint, (*GOLDEN_TEXTS, *texts.comparison))
        progress("exporting the FP32 graph")
        graph = to_graph(checkpoint)
        samples = list(samples_of(tokenizer, texts.smoothing, checkpoint.shape.max_tokens))
        progress("quantizing" if recipe.precision == "int8" else "writing the graph")
        _write_graphs(folder, checkpoint, graph, samples, recipe.precision, target)
        progress("comparing with FP32")
        draft = draft_bundle(folder, checkpoint, target, recipe.precision)
        accuracy, golden = _judge(draft, checkpoint, texts, samples)
        progress("writing the bundle")
        finish_bundle(
            draft, checkpoint, texts, golden, accuracy, golden_tolerance(golden, recipe.precision), recipe.slim
        )
    return open_bundle(output)


def _write_graphs(
    folder: Path, checkpoint: Checkpoint, graph: onnx.ModelProto, samples: list[Sample], precision: str, target: Target
) -> None:
    if precision == "fp32":
        onnx.save(graph, folder / MODEL)
        return
    onnx.save(quantize(graph, checkpoint.shape, samples, target), folder / MODEL)
    onnx.save(graph, folder / BASELINE)


def _judge(draft: Bundle, checkpoint: Checkpoint, texts: ExportTexts, samples: list[Sample]) -> tuple[Numbers, Golden]:
    """Compare the draft with its baseline and with PyTorch, and let it give its golden answers."""
    model = load_bundle(draft)
    baseline = load_bundle(draft, baseline=True)
    pytorch = compare_with_pytorch(checkpoint, baseline.session, samples[:16])
    accuracy: Numbers = {"fp32_difference_to_pytorch": float(f"{pytorch:.1g}")}
    if draft.has(BASELINE):
        accuracy |= {"texts": len(texts.comparison), **_compare(model, baseline, texts)}
    return accuracy, make_golden(model, GOLDEN_TEXTS)


def _compare(model: Encoder | Classifier, baseline: Encoder | Classifier, texts: ExportTexts) -> Numbers:
    found, expected = (model_outputs(each, texts.comparison) for each in (model, baseline))
    head = model.manifest.head
    if isinstance(head, ClassifyHead):
        return compare_scores(found, expected, head.problem_type)
    return compare_vectors(found, expected)
