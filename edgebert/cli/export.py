"""`edgebert export`: from a checkpoint to a bundle."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edgebert.bundle import Bundle, model_file
from edgebert.cli.options import JsonOption, QuietOption
from edgebert.cli.words import UsageError, say

_SAME = {"classify": "same label", "tag": "tokens with the same label", "answer": "same answer"}


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
    fp32: Annotated[bool, typer.Option("--fp32", help="Keep FP32.")] = False,
    precise: Annotated[
        bool,
        typer.Option("--precise", help="INT8 with 14-bit activations on the engine native: nearer to FP32, slower."),
    ] = False,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="NAME", help="cpu (this machine; the default), cpu-x86 or cpu-arm64."),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            "--texts",
            metavar="FILE",
            help="Texts like those of the device as .txt, .csv, .tsv or .jsonl: they smooth the quantization and are "
            "compared with FP32; without it built-in ones.",
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="Column or field that holds the text.")
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
    if int8 and fp32:
        raise UsageError("--int8 and --fp32 exclude each other: give one")
    from edgebert.export import Recipe, export, read_recipe

    flags = {
        "output": output,
        "model": model,
        "task": task and task.value,
        "precision": "int8" if int8 else "fp32" if fp32 else None,
        "precise": precise or None,
        "target": target,
        "texts": texts,
        "column": column,
        "name": name,
        "slim": slim or None,
        "force": force or None,
    }
    settings = {} if recipe is None else read_recipe(recipe)
    settings.update((key, value) for key, value in flags.items() if value is not None)
    console = Console(stderr=True)
    with console.status("starting") as status:

        def show(stage: str) -> None:
            status.update(stage)
            if not quiet and not console.is_terminal:
                say(stage)

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


def _baseline_size(bundle: Bundle, engine: str) -> str:
    manifest = bundle.manifest
    name = model_file(manifest, engine, True)
    if manifest.precision == "fp32" or not bundle.has(name):
        return ""
    return f", FP32 baseline {manifest.files[name].bytes / 1e6:.1f} MB"
