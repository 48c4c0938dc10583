"""`edgebert export`: from a checkpoint to a bundle."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from edgebert.bundle import Bundle, model_file
from edgebert.cli.chain import as_document, print_benchmark, print_student, shows
from edgebert.cli.gate import gate_lines
from edgebert.cli.options import AnyColumnOption, JsonOption, ModelOption, QuietOption
from edgebert.cli.words import UsageError

_Value = TypeVar("_Value")
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
    model: ModelOption = None,
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
    column: AnyColumnOption = None,
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
            help="How long to look for layers to return to float where INT8 loses more, or may, for each engine; 10 if "
            "not given, 0 for no search.",
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
    distill: Annotated[
        str | None,
        typer.Option(
            "--distill",
            metavar="NAME=VALUE,...",
            help="Distill --model first and export the student: layers=3,epochs=4 and so on, see docs/training.md; "
            "then bench it.",
        ),
    ] = None,
    train: Annotated[
        str | None, typer.Option("--train", metavar="DATA", help="Labelled data for --distill, as `edgebert distill`.")
    ] = None,
    dev: Annotated[
        str | None,
        typer.Option("--dev", metavar="DATA", help="Labelled data for --distill that decides which epoch is kept."),
    ] = None,
    bench: Annotated[
        str | None,
        typer.Option(
            "--bench",
            metavar="NAME=VALUE,...|none",
            help="Bench what was exported: rounds=10,threads=1 and so on; none leaves it out after --distill.",
        ),
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
    from edgebert.export.chain import run_chain
    from edgebert.export.chain_recipe import Flags, read_chain
    from edgebert.export.recipe import read_recipe_file

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
    file = None if recipe is None else read_recipe_file(recipe)
    chain = read_chain(file, Flags(_given(flags), distill, _given({"train": train, "dev": dev}), bench))
    done = run_chain(chain, shows(quiet))
    if as_json:
        typer.echo(as_document(done))
        return
    print_student(chain, done)
    _print(done.bundle, chain.bench is None)
    print_benchmark(done)


def _given(flags: Mapping[str, _Value | None]) -> dict[str, _Value]:
    return {name: value for name, value in flags.items() if value is not None}


def _print(bundle: Bundle, bench_is_next: bool) -> None:
    manifest = bundle.manifest
    typer.echo(f"{bundle.path}: {manifest.name}, {manifest.task}, {manifest.precision} for {manifest.target}")
    for engine in manifest.engines:
        _print_engine(bundle, engine)
    static = any(scheme.endswith("-static") for scheme in manifest.scheme.values())
    if static and manifest.provenance["texts"] == "built-in":
        typer.echo("ranges of activations are those of the built-in texts: give yours with --calibration")
    if _GPU_ENGINE in manifest.engines:
        typer.echo(f"next, on the device: edgebert prepare {bundle.path}")
    elif bench_is_next:
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
