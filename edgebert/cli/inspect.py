"""`edgebert inspect`: what a bundle says about itself."""

import json
from collections.abc import Iterator

import typer

from edgebert.bundle import open_bundle
from edgebert.cli.gate import gate_lines
from edgebert.cli.options import BundleArgument, JsonOption
from edgebert.cli.words import printable
from edgebert.manifest import ClassifyHead, EmbedHead, Manifest, TagHead

_FEW_LABELS = 8


def inspect(bundle: BundleArgument, as_json: JsonOption = False) -> None:
    """Show what a bundle is, how accurate it is and how it was made.

    Only the manifest is read; `edgebert verify` checks the files.
    """
    manifest = open_bundle(bundle).manifest
    if as_json:
        typer.echo(json.dumps(manifest.to_json(), indent=1, sort_keys=True))
        return
    facts = [(printable(key), printable(value)) for key, value in _facts(manifest)]
    width = max(len(key) for key, _ in facts)
    for key, value in facts:
        typer.echo(f"{key.ljust(width)}  {value}")


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    shape = manifest.shape
    yield "name", manifest.name
    yield "task", manifest.task
    yield "target", manifest.target
    yield "precision", manifest.precision
    for engine in manifest.engines:
        yield f"engine: {engine}", f"{manifest.scheme[engine]}, tolerance {manifest.tolerance[engine]:g}"
    layers = f"{shape.layers} layer{'s' * (shape.layers != 1)}"
    yield "architecture", f"{shape.architecture}, {layers}, hidden {shape.hidden}, {shape.heads} heads"
    yield "feed-forward", str(shape.intermediate)
    yield "vocabulary", f"{shape.vocabulary} tokens"
    yield "longest input", f"{shape.max_tokens} tokens"
    yield from _head_facts(manifest)
    for engine in manifest.engines:
        numbers = manifest.accuracy[engine]
        yield from ((f"accuracy on {engine}: {key}", str(numbers[key])) for key in sorted(numbers))
        yield from ((f"gate on {engine}", line) for line in gate_lines(manifest, engine))
    yield from ((f"provenance: {key}", manifest.provenance[key]) for key in sorted(manifest.provenance))
    for name in sorted(manifest.files):
        yield f"file: {name}", f"{_size(manifest.files[name].bytes)}, SHA-256 {manifest.files[name].sha256[:12]}..."
    yield "all files", _size(sum(entry.bytes for entry in manifest.files.values()))


def _head_facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    head = manifest.head
    if isinstance(head, EmbedHead):
        yield "pooling", head.pooling + (", vectors of length 1" if head.normalize else "")
    if isinstance(head, ClassifyHead):
        yield "problem", head.problem_type.replace("_", " ")
    if isinstance(head, (ClassifyHead, TagHead)):
        more = len(head.labels) - _FEW_LABELS
        yield (
            f"{len(head.labels)} labels",
            ", ".join(head.labels[:_FEW_LABELS]) + (f" and {more} more" if more > 0 else ""),
        )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
