"""Write what surrounds the graphs of a bundle: manifest, golden answers, report, model card."""

import dataclasses
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

from edgebert.bundle import BASELINE, GOLDEN, MANIFEST, MODEL, REPORT, TOKENIZER, Bundle
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.report import model_card, report_json, report_markdown
from edgebert.export.targets import Target
from edgebert.export.texts import ExportTexts
from edgebert.files import sha256_of, write_json
from edgebert.golden import Golden
from edgebert.manifest import FileEntry, Manifest

Accuracy = Mapping[str, float | int | str]

_TOOLS = ("edgebert", "torch", "transformers", "optimum-onnx", "onnx", "onnxruntime")


def draft_bundle(folder: Path, checkpoint: Checkpoint, target: Target, precision: str) -> Bundle:
    """Return a bundle of the files that are in the folder so far, good enough to be loaded and judged."""
    names = [name for name in (MODEL, BASELINE, TOKENIZER) if (folder / name).exists()]
    manifest = Manifest(
        name=checkpoint.name,
        task=checkpoint.task,
        target=target.name,
        precision=precision,
        scheme=target.scheme if precision == "int8" else "fp32",
        engines=target.engines,
        shape=checkpoint.shape,
        head=checkpoint.head,
        tolerance=0.0,
        accuracy={},
        provenance={},
        files={name: _entry(folder / name) for name in names},
    )
    return Bundle(folder, manifest)


def finish_bundle(
    draft: Bundle,
    checkpoint: Checkpoint,
    texts: ExportTexts,
    golden: Golden,
    accuracy: Accuracy,
    tolerance: float,
    slim: bool,
) -> None:
    """Write everything but the graphs and the tokenizer into the folder of a draft, the manifest last.

    A slim bundle loses its baseline here, after everything was compared with it.
    """
    folder = draft.path
    provenance = _provenance(checkpoint, texts)
    sizes = {name: (folder / name).stat().st_size for name in draft.manifest.files}
    manifest = dataclasses.replace(draft.manifest, accuracy=accuracy, tolerance=tolerance, provenance=provenance)
    report = report_json(manifest, texts, sizes)
    write_json(folder / GOLDEN, golden.to_json())
    write_json(folder / REPORT, report)
    (folder / "report.md").write_text(report_markdown(report), encoding="utf-8")
    (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
    (folder / "config.json").write_text(checkpoint.model.config.to_json_string(use_diff=True), encoding="utf-8")
    if slim:
        (folder / BASELINE).unlink(missing_ok=True)
    files = {path.name: _entry(path) for path in sorted(folder.iterdir())}
    write_json(folder / MANIFEST, dataclasses.replace(manifest, files=files).to_json())


def _provenance(checkpoint: Checkpoint, texts: ExportTexts) -> dict[str, str]:
    """Versions and hashes; no times and no paths, so that the same inputs give the same bytes."""
    versions = {f"version_{tool}": importlib.metadata.version(tool) for tool in _TOOLS}
    return {
        **versions,
        "weights_sha256": checkpoint.weights_sha256,
        "texts": texts.source,
        "texts_sha256": texts.sha256,
    }


def _entry(path: Path) -> FileEntry:
    return FileEntry(path.stat().st_size, sha256_of(path))
