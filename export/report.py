"""What an export says about itself: a report for programs and for people, and the model card."""

from collections.abc import Mapping, Sequence

from edgebert.bundle import model_file
from edgebert.export.gate.outcome import Outcome
from edgebert.export.gate.section import gate_section
from edgebert.export.texts import ExportTexts
from edgebert.manifest import Manifest

_CALLS = {
    "embed": 'encode("turn on the light")',
    "classify": 'classify("turn on the light")',
    "tag": 'tag("Meet Anna in Paris")',
    "answer": 'answer("Who is in Paris?", "Anna is in Paris.")',
}
_AGREEMENT = {
    "classify": "share of texts with the same labels as FP32",
    "tag": "share of tokens with the same label as FP32",
    "answer": "share of questions with the same answer as FP32",
}
_MEANINGS = {
    "cosine_mean": "mean cosine to the FP32 vector",
    "cosine_min": "lowest cosine to the FP32 vector",
    "score_difference_mean": "mean difference of a score from FP32",
    "score_difference_max": "largest difference of a score from FP32",
    "texts": "texts compared",
    "measured_on": "engine that these were measured on",
    "fp32_difference_to_pytorch": "largest difference of the FP32 graph from PyTorch, as a share of its outputs' size",
}
_TENSORRT = """`edgebert prepare` builds the TensorRT engine on the device. Where a JetPack's Python is too old for it,
`edgebert prepare path/of/this/folder --trtexec 8.5` prints NVIDIA's own command, on any machine.
"""


def report_json(
    manifest: Manifest, texts: ExportTexts, sizes: Mapping[str, int], outcome: Outcome | None
) -> dict[str, object]:
    """Return the document of ``report.json``.

    Args:
        manifest: of the bundle.
        texts: that it was compared on.
        sizes: bytes by file, with the baseline of a slim bundle.
        outcome: what the release gate found; None where nothing was asked of it.
    """
    return {
        **({} if outcome is None else {"gate": outcome.to_json()}),
        "name": manifest.name,
        "task": manifest.task,
        "target": manifest.target,
        "precision": manifest.precision,
        "scheme": dict(manifest.scheme),
        "accuracy": {engine: dict(numbers) for engine, numbers in manifest.accuracy.items()},
        "texts": {
            "source": texts.source,
            "smoothing": len(texts.smoothing),
            "comparison": len(texts.comparison),
            "held_out": texts.held_out,
            "sha256": texts.sha256,
        },
        "bytes": {engine: _sizes(manifest, engine, sizes) for engine in manifest.engines},
        "latency": "not measured here: run `edgebert bench` on the device",
    }


def report_markdown(report: Mapping[str, object]) -> str:
    """Return the report for people."""
    accuracy, texts, sizes = (_mapping(report[key]) for key in ("accuracy", "texts", "bytes"))
    held_out = (
        "not used for smoothing" if texts["held_out"] else "too few to hold any out: the same served for smoothing"
    )
    engines = list(_mapping(report["scheme"]))
    return "\n".join(
        [
            f"# {report['name']}: {report['precision']} for {report['target']}",
            "",
            _row("measure", engines),
            _row("---", ["---"] * len(engines)),
            _row("scheme", [f"`{scheme}`" for scheme in _mapping(report["scheme"]).values()]),
            *_accuracy_rows([_mapping(accuracy[engine]) for engine in engines], str(report["task"])),
            _row("size of the model", [_megabytes(_mapping(sizes[engine])["model"]) for engine in engines]),
            _row("size of the FP32 baseline", [_megabytes(_mapping(sizes[engine])["fp32"]) for engine in engines]),
            "",
            f"Texts: {texts['source']}, {texts['comparison']} compared ({held_out}).",
            *_ranges(report, texts),
            "Latency is not part of this report: run `edgebert bench` on the device.",
            "",
            *(gate_section(_mapping(report["gate"])) if "gate" in report else []),
        ]
    )


def _ranges(report: Mapping[str, object], texts: Mapping[str, object]) -> list[str]:
    """Say where the ranges of activations are from, where they are fixed."""
    if not any(str(scheme).endswith("-static") for scheme in _mapping(report["scheme"]).values()):
        return []
    return [f"Ranges of activations: fixed by {texts['smoothing']} texts, {texts['source']}."]


def _sizes(manifest: Manifest, engine: str, sizes: Mapping[str, int]) -> dict[str, int]:
    model = sizes[model_file(manifest, engine, False)]
    return {"model": model, "fp32": sizes.get(model_file(manifest, engine, True), model)}


def _row(first: str, cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, (first, *cells)))} |"


def _accuracy_rows(columns: Sequence[Mapping[str, object]], task: str) -> list[str]:
    meanings = {**_MEANINGS, "agreement": _AGREEMENT.get(task, "")}
    keys = dict.fromkeys(key for column in columns for key in column)
    return [_row(meanings[key], [column.get(key, "") for column in columns]) for key in keys]


def model_card(manifest: Manifest) -> str:
    """Return the README of a bundle, in the form of a model card."""
    shape = manifest.shape
    return f"""---
library_name: edgebert
tags: [bert, {manifest.precision}, {manifest.task}]
---
# {manifest.name}

An edgebert bundle: {manifest.precision} ({_schemes(manifest)}) for {manifest.target}, task {manifest.task}.
BERT with {shape.layers} layers, {shape.hidden} wide, {shape.heads} heads, at most {shape.max_tokens} tokens.

```python
import edgebert

model = edgebert.load("path/of/this/folder")
print(model.{_CALLS[manifest.task]})
```

`report.md` says how far it is from FP32. `edgebert verify` checks it on a device, `edgebert bench` measures it there.
{_TENSORRT if "tensorrt" in manifest.engines else ""}The licence is that of the checkpoint it was made from.
"""


def _schemes(manifest: Manifest) -> str:
    return ", ".join(f"{manifest.scheme[engine]} on {engine}" for engine in manifest.engines)


def _megabytes(size: object) -> str:
    return f"{float(str(size)) / 1e6:.1f} MB"


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping, got {type(value).__name__}")
    return value
