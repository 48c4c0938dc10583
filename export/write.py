"""Write a bundle: first the graphs, good enough to be loaded and judged, then what surrounds them."""

import dataclasses
import importlib.metadata
from pathlib import Path

import onnx

from edgebert.bundle import BASELINE, GOLDEN, MANIFEST, MODEL, NATIVE_BASELINE, NATIVE_MODEL, REPORT, TOKENIZER, Bundle
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.judge import Verdict
from edgebert.export.lower import FAST, NativeFiles
from edgebert.export.quantize import Quantized
from edgebert.export.report import model_card, report_json, report_markdown
from edgebert.export.targets import Target
from edgebert.export.texts import ExportTexts
from edgebert.files import sha256_of, write_json
from edgebert.manifest import FileEntry, Manifest

_MODELS = ((MODEL, BASELINE), (NATIVE_MODEL, NATIVE_BASELINE))  # each with its baseline
_TOOLS = ("edgebert", "torch", "transformers", "optimum-onnx", "onnx", "onnxruntime")


@dataclasses.dataclass(frozen=True)
class Artefacts:
    """What the stages before made; ``quantized`` is None for FP32, ``native`` where that engine cannot run it."""

    graph: onnx.ModelProto
    quantized: Quantized | None
    native: NativeFiles | None


def write_draft(folder: Path, checkpoint: Checkpoint, target: Target, made: Artefacts) -> Bundle:
    """Write the models beside the tokenizer and return a bundle that can be loaded but promises nothing yet."""
    _write_models(folder, made)
    names = [*(name for pair in _MODELS for name in pair if (folder / name).exists()), TOKENIZER]
    schemes = {"native": (made.native.scheme if made.native else FAST).name, "onnxruntime": target.scheme}
    engines = tuple(name for name in target.engines if name != "native" or made.native is not None)
    int8 = made.quantized is not None
    manifest = Manifest(
        name=checkpoint.name,
        task=checkpoint.task,
        target=target.name,
        precision="int8" if int8 else "fp32",
        engines=engines,
        scheme={engine: schemes[engine] if int8 else "fp32" for engine in engines},
        shape=checkpoint.shape,
        head=checkpoint.head,
        tolerance=dict.fromkeys(engines, 0.0),
        accuracy={},
        provenance=_provenance(checkpoint, made),
        files={name: _entry(folder / name) for name in names},
    )
    return Bundle(folder, manifest)


def finish_bundle(draft: Bundle, checkpoint: Checkpoint, texts: ExportTexts, verdict: Verdict, slim: bool) -> None:
    """Write everything else into the folder of a draft, the manifest last.

    A slim bundle loses its baseline here, after everything was compared with it.
    """
    folder = draft.path
    manifest = dataclasses.replace(
        draft.manifest,
        accuracy=verdict.accuracy,
        tolerance=verdict.tolerance,
        provenance={**draft.manifest.provenance, "texts": texts.source, "texts_sha256": texts.sha256},
    )
    report = report_json(manifest, texts, {name: entry.bytes for name, entry in manifest.files.items()})
    write_json(folder / GOLDEN, verdict.golden.to_json())
    write_json(folder / REPORT, report)
    (folder / "report.md").write_text(report_markdown(report), encoding="utf-8")
    (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
    write_json(folder / "config.json", checkpoint.model.config.to_diff_dict())
    if slim:
        for _, baseline in _MODELS:
            (folder / baseline).unlink(missing_ok=True)
    files = {path.name: _entry(path) for path in sorted(folder.iterdir())}
    write_json(folder / MANIFEST, dataclasses.replace(manifest, files=files).to_json())


def _write_models(folder: Path, made: Artefacts) -> None:
    """Write what is there; the FP32 form is the model itself where there is no INT8."""
    onnx.save(made.graph, folder / (MODEL if made.quantized is None else BASELINE))
    if made.quantized is not None:
        onnx.save(made.quantized.model, folder / MODEL)
    if made.native is not None:
        (folder / (NATIVE_MODEL if made.native.int8 is None else NATIVE_BASELINE)).write_bytes(made.native.fp32)
        if made.native.int8 is not None:
            (folder / NATIVE_MODEL).write_bytes(made.native.int8.content)


def _provenance(checkpoint: Checkpoint, made: Artefacts) -> dict[str, str]:
    """Versions and hashes; no times and no paths, so that the same inputs give the same bytes."""
    versions = {f"version_{tool}": importlib.metadata.version(tool) for tool in _TOOLS}
    smoothing = {} if made.quantized is None else {"smoothing": str(made.quantized.smoothing or "none")}
    if made.native is not None and made.native.int8 is not None:
        smoothing |= made.native.int8.provenance
    return {**versions, **smoothing, "weights_sha256": checkpoint.weights_sha256}


def _entry(path: Path) -> FileEntry:
    return FileEntry(path.stat().st_size, sha256_of(path))
