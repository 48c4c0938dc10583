"""Write a bundle: first the graphs, good enough to be loaded and judged, then what surrounds them."""

import dataclasses
import importlib.metadata
from pathlib import Path

import onnx

from edgebert.bundle import BASELINE, GOLDEN, MANIFEST, MODEL, REPORT, TOKENIZER, Bundle
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.judge import Verdict
from edgebert.export.quantize import Quantized
from edgebert.export.report import model_card, report_json, report_markdown
from edgebert.export.targets import Target
from edgebert.export.texts import ExportTexts
from edgebert.files import sha256_of, write_json
from edgebert.manifest import FileEntry, Manifest

_TOOLS = ("edgebert", "torch", "transformers", "optimum-onnx", "onnx", "onnxruntime")


def write_draft(
    folder: Path, checkpoint: Checkpoint, target: Target, graph: onnx.ModelProto, quantized: Quantized | None
) -> Bundle:
    """Write the graphs beside the tokenizer and return a bundle that can be loaded but promises nothing yet."""
    onnx.save(graph if quantized is None else quantized.model, folder / MODEL)
    if quantized is not None:
        onnx.save(graph, folder / BASELINE)
    names = [name for name in (MODEL, BASELINE, TOKENIZER) if (folder / name).exists()]
    manifest = Manifest(
        name=checkpoint.name,
        task=checkpoint.task,
        target=target.name,
        precision="fp32" if quantized is None else "int8",
        scheme="fp32" if quantized is None else target.scheme,
        engines=target.engines,
        shape=checkpoint.shape,
        head=checkpoint.head,
        tolerance=0.0,
        accuracy={},
        provenance=_provenance(checkpoint, quantized),
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
        (folder / BASELINE).unlink(missing_ok=True)
    files = {path.name: _entry(path) for path in sorted(folder.iterdir())}
    write_json(folder / MANIFEST, dataclasses.replace(manifest, files=files).to_json())


def _provenance(checkpoint: Checkpoint, quantized: Quantized | None) -> dict[str, str]:
    """Versions and hashes; no times and no paths, so that the same inputs give the same bytes."""
    versions = {f"version_{tool}": importlib.metadata.version(tool) for tool in _TOOLS}
    smoothing = {} if quantized is None else {"smoothing": str(quantized.smoothing or "none")}
    return {**versions, **smoothing, "weights_sha256": checkpoint.weights_sha256}


def _entry(path: Path) -> FileEntry:
    return FileEntry(path.stat().st_size, sha256_of(path))
