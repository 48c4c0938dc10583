"""The main road: checkpoint, FP32 graph, INT8 graph, comparison, bundle."""

from collections.abc import Callable

from edgebert.accuracy.labelled import read_labelled
from edgebert.bundle import TOKENIZER, Bundle, open_bundle
from edgebert.calibration import check_lengths
from edgebert.export.checkpoint import load_checkpoint
from edgebert.export.gate.hold import hold
from edgebert.export.graphs import make_graphs
from edgebert.export.judge import judge
from edgebert.export.lower import FAST, PRECISE, lower, unsupported
from edgebert.export.recipe import Recipe, model_name, output_of, target_of
from edgebert.export.texts import for_task, golden_texts, read_export_texts
from edgebert.export.tokens import check_tokens, samples_of, write_tokenizer
from edgebert.export.write import Artefacts, finish_bundle, write_draft
from edgebert.files import new_folder

Progress = Callable[[str], None]


def export(recipe: Recipe, progress: Progress = lambda stage: None) -> Bundle:
    """Turn a BERT checkpoint into a bundle that a device can run.

    Args:
        recipe: what to export, for which target, and where to.
        progress: told the name of each stage as it begins.

    Raises:
        InputError: the recipe, its texts or its output cannot be used.
        CheckpointError: the checkpoint is missing, damaged or not supported.
        GateError: INT8 loses more than the recipe allows, or that cannot be told; nothing is written.
        TokenizerError: its tokenizer is not supported.
        MissingExtraError: the demo model was asked for and is not installed.
    """
    target = target_of(recipe)
    with new_folder(output_of(recipe), replace=recipe.force) as folder:
        progress("loading the checkpoint")
        texts = read_export_texts(recipe.calibration, recipe.column)
        checkpoint = load_checkpoint(recipe.model, recipe.task, recipe.name or model_name(recipe.model))
        texts = for_task(texts, checkpoint.task)
        evaluation = None if recipe.evaluate is None else read_labelled(recipe.evaluate, checkpoint.head)
        progress("compiling the tokenizer")
        tokenizer = write_tokenizer(checkpoint, folder)
        check_tokens(tokenizer, checkpoint, (*golden_texts(checkpoint.task), *texts.comparison))
        samples = list(samples_of(tokenizer, texts.smoothing, checkpoint.shape.max_tokens))
        if recipe.measures:
            check_lengths(texts.source, samples)
        progress("making the graphs")
        graphs = make_graphs(checkpoint, samples, target, recipe)
        native = None
        if "native" in target.engines and (reason := unsupported(checkpoint)) is not None:
            progress(f"leaving out the native engine: {reason}")
        elif "native" in target.engines:
            progress("lowering to the native engine")
            scheme = PRECISE if recipe.precise else FAST
            native = lower(checkpoint, folder / TOKENIZER, samples, recipe.precision == "int8", scheme)
        made = Artefacts(graphs, native)
        draft = write_draft(folder, checkpoint, target, recipe.precision, made)
        draft, outcome = hold(draft, made.makers, evaluation, recipe, texts, samples, progress)
        progress("comparing with FP32")
        verdict = judge(draft, checkpoint, texts, samples)
        progress("writing the bundle")
        finish_bundle(draft, checkpoint, target, texts, verdict, recipe.slim, outcome)
    return open_bundle(output_of(recipe))
