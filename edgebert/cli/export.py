"""`edgebert export`: from a checkpoint to a bundle."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from edgebert.bundle import Bundle, model_file
from edgebert.cli.gate import gate_lines
from edgebert.cli.options import JsonOption, QuietOption
from edgebert.cli.stages import stages
from edgebert.cli.words import UsageError

_SAME = {"classify": "same label", "tag": "tokens with the same label", "answer": "same answer"}
_GPU_ENGINE = "tensorrt"


class TaskChoice(str, Enum):
    """What the bundle does with a text."""

    auto = "auto"
    embed = "embed"
    classify = "classify"
    tag = "tag"
    answer = "answer"


def export(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder to write; without it NAME-PRECISION-TARGET.bundle."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="DIR|HUB_ID", help="Checkpoint; without it the MiniLM of the demo extra."),
    ] = None,
    task: Annotated[
        TaskChoice | None, typer.Option("--task", help="Task; auto is what the checkpoint was made for.")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Quantize to INT8; the default.")] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="FP16, for a Jetson: what INT8 must beat there.")] = False,
    fp32: Annotated[bool, typer.Option("--fp32", help="Keep FP32, for a CPU.")] = False,
    precise: Annotated[
        bool,
        typer.Option("--precise", help="INT8 with 14-bit activations on the engine native: nearer to FP32, slower."),
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="NAME",
            help="cpu (this machine; the default), cpu-x86, cpu-arm64, jetson (the same as jetson-orin), "
            "jetson-xavier or jetson-thor.",
        ),
    ] = None,
    jetpack: Annotated[
        int | None,
        typer.Option("--jetpack", metavar="5|6|7", help="JetPack of a Jetson; without it 6, of Xavier 5, of Thor 7."),
    ] = None,
    tensorrt: Annotated[
        str | None,
        typer.Option("--tensorrt", metavar="X.Y", help="TensorRT of a Jetson, where it is not its JetPack's."),
    ] = None,
    static: Annotated[
        bool,
        typer.Option("--static", help="Fix the ranges of activations in the graph for a CPU; a Jetson's always are."),
    ] = False,
    linear_only: Annotated[
        bool,
        typer.Option(
            "--linear-only", help="For a Jetson: residuals and attention stay in float; more accurate, slower."
        ),
    ] = False,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            metavar="FILE|builtin",
            help="Texts like those of the device (.txt, .csv, .tsv, .jsonl, .parquet, hub:NAME): they decide smoothing "
            "and ranges and are compared with FP32; without it built-in ones, which fixed ranges of your own model "
            "must ask for.",
        ),
    ] = None,
    ranges: Annotated[
        Path | None,
        typer.Option(
            "--ranges",
            metavar="FILE",
            help="Smoothing and fixed ranges that `edgebert calibrate` measured, instead of measuring them again.",
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="Column or field that holds the text.")
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            "--max-drop",
            metavar="POINTS",
            help="Write nothing where INT8 loses more than this many points (hundredths) against FP32.",
        ),
    ] = None,
    evaluate: Annotated[
        str | None,
        typer.Option(
            "--evaluate",
            metavar="FILE",
            help="Texts with labels or scores for --max-drop, as .jsonl, .csv, .tsv, .parquet or hub:NAME; without it "
            "agreement with FP32 is judged.",
        ),
    ] = None,
    accept_unresolved: Annotated[
        bool,
        typer.Option("--accept-unresolved", help="Accept a model too where the texts are too few to tell."),
    ] = False,
    search_minutes: Annotated[
        float | None,
        typer.Option(
            "--search-minutes",
            metavar="N",
            help="How long to look for layers to return to float where INT8 loses more, for each engine; 10 if not "
            "given.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the bundle; without it the checkpoint's.")
    ] = None,
    slim: Annotated[bool, typer.Option("--slim", help="Leave out the FP32 baseline.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the output where it exists.")] = False,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="FILE", help="TOML file with these settings; flags win over it."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Turn a BERT checkpoint into a bundle that a device can run.

    Needs the extra "export" (torch, transformers, optimum), which the device does not.
    """
    chosen = [name for name, given in (("int8", int8), ("fp16", fp16), ("fp32", fp32)) if given]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in chosen)} exclude each other: give one")
    from edgebert.export import Recipe, export, read_recipe

    flags = {
        "output": output,
        "model": model,
        "task": task and task.value,
        "precision": chosen[0] if chosen else None,
        "precise": precise or None,
        "target": target,
        "jetpack": jetpack,
        "tensorrt": tensorrt,
        "static": static or None,
        "linear_only": linear_only or None,
        "calibration": calibration,
        "ranges": ranges,
        "column": column,
        "max_drop": max_drop,
        "evaluate": evaluate,
        "accept_unresolved": accept_unresolved or None,
        "search_minutes": search_minutes,
        "name": name,
        "slim": slim or None,
        "force": force or None,
    }
    settings = {} if recipe is None else read_recipe(recipe)
    settings.update((key, value) for key, value in flags.items() if value is not None)
    with stages(quiet) as show:
        bundle = export(Recipe(**settings), show)
    if as_json:
        typer.echo(json.dumps(bundle.json("report.json"), indent=1, sort_keys=True))
    else:
        _print(bundle)


def _print(bundle: Bundle) -> None:
    manifest = bundle.manifest
    typer.echo(f"{bundle.path}: {manifest.name}, {manifest.task}, {manifest.precision} for {manifest.target}")
    for engine in manifest.engines:
        _print_engine(bundle, engine)
    static = any(scheme.endswith("-static") for scheme in manifest.scheme.values())
    if static and manifest.provenance["texts"] == "built-in":
        typer.echo("ranges of activations are those of the built-in texts: give yours with --calibration")
    if _GPU_ENGINE in manifest.engines:
        typer.echo(f"next, on the device: edgebert prepare {bundle.path}")
    else:
        typer.echo(f"next: edgebert bench {bundle.path}")


def _print_engine(bundle: Bundle, engine: str) -> None:
    manifest = bundle.manifest
    size = manifest.files[model_file(manifest, engine, False)].bytes / 1e6
    typer.echo(f"{engine}: {manifest.scheme[engine]}, model {size:.1f} MB{_baseline_size(bundle, engine)}")
    accuracy = manifest.accuracy[engine]
    if "cosine_mean" in accuracy:
        typer.echo(
            f"  cosine to FP32: mean {accuracy['cosine_mean']}, lowest {accuracy['cosine_min']} "
            f"({accuracy['texts']} texts)"
        )
    if "agreement" in accuracy:
        same = float(accuracy["agreement"])
        typer.echo(f"  {_SAME[manifest.task]} as FP32: {same:.2%} ({accuracy['texts']} texts)")
    if "score_difference_max" in accuracy:
        typer.echo(
            f"  scores differ from FP32 by {accuracy['score_difference_mean']} in the mean, "
            f"{accuracy['score_difference_max']} at most"
        )
    if engine in manifest.gate:
        for line in gate_lines(manifest, engine):
            typer.echo(f"  {line}")


def _baseline_size(bundle: Bundle, engine: str) -> str:
    manifest = bundle.manifest
    name = model_file(manifest, engine, True)
    if manifest.precision == "fp32" or not bundle.has(name):
        return ""
    return f", FP32 baseline {manifest.files[name].bytes / 1e6:.1f} MB"
