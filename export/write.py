"""Write a bundle: first the graphs, good enough to be loaded and judged, then what surrounds them."""

import dataclasses
import importlib.metadata
from pathlib import Path

from edgebert.bundle import (
    BASELINE,
    GOLDEN,
    HALF,
    MANIFEST,
    NATIVE_BASELINE,
    PLAN,
    REPORT,
    TOKENIZER,
    Bundle,
    model_file,
)
from edgebert.export.build_plan import build_plan
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.gate.outcome import Outcome
from edgebert.export.graphs import Graphs
from edgebert.export.judge import Verdict
from edgebert.export.lower import NativeFiles
from edgebert.export.mix import Made, Maker
from edgebert.export.report import model_card, report_json, report_markdown
from edgebert.export.targets import Target
from edgebert.export.texts import ExportTexts
from edgebert.files import flush, new_file, sha256_of, write_json
from edgebert.manifest import FileEntry, Manifest

_ONLY_COMPARED = (BASELINE, HALF, NATIVE_BASELINE)  # what a slim bundle does without
_TOOLS = ("edgebert", "torch", "transformers", "optimum-onnx", "onnx", "onnxruntime")


@dataclasses.dataclass(frozen=True)
class Artefacts:
    """What the stages before made; ``native`` is None where that engine cannot run the model."""

    graphs: Graphs
    native: NativeFiles | None

    @property
    def makers(self) -> list[Maker]:
        """What can make the INT8 models in other ways."""
        makers = (None if self.native is None else self.native.maker, self.graphs.maker)
        return [maker for maker in makers if maker is not None]


def write_draft(folder: Path, checkpoint: Checkpoint, target: Target, precision: str, made: Artefacts) -> Bundle:
    """Write the models beside the tokenizer and return a bundle that can be loaded but promises nothing yet."""
    names = [*_write_models(folder, made), TOKENIZER]
    schemes = {**made.graphs.schemes, **_native_scheme(made.native)}
    engines = tuple(engine for engine in target.engines if engine in schemes)
    manifest = Manifest(
        name=checkpoint.name,
        task=checkpoint.task,
        target=target.name,
        precision=precision,
        engines=engines,
        scheme={engine: schemes[engine] for engine in engines},
        shape=checkpoint.shape,
        head=checkpoint.head,
        tolerance=dict.fromkeys(engines, 0.0),
        accuracy={},
        provenance=_provenance(checkpoint, made),
        files={name: _entry(folder / name) for name in names},
    )
    return Bundle(folder, manifest)


def replace_model(draft: Bundle, engine: str, made: Made) -> Bundle:
    """Replace an engine's model in a draft by one that was quantized in another way."""
    manifest = draft.manifest
    name = model_file(manifest, engine, False)
    with new_file(draft.path / name) as temporary:
        temporary.write_bytes(made.content)
    files = {**manifest.files, name: _entry(draft.path / name)}
    provenance = {**manifest.provenance, **made.provenance}
    return Bundle(draft.path, dataclasses.replace(manifest, files=files, provenance=provenance))


def finish_bundle(
    draft: Bundle,
    checkpoint: Checkpoint,
    target: Target,
    texts: ExportTexts,
    verdict: Verdict,
    slim: bool,
    outcome: Outcome | None,
) -> None:
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
    report = report_json(manifest, texts, {name: entry.bytes for name, entry in manifest.files.items()}, outcome)
    write_json(folder / GOLDEN, verdict.golden.to_json())
    write_json(folder / REPORT, report)
    (folder / "report.md").write_text(report_markdown(report), encoding="utf-8")
    (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
    write_json(folder / "config.json", checkpoint.model.config.to_diff_dict())
    if target.platform is not None:
        write_json(folder / PLAN, build_plan(target, checkpoint.shape, manifest.precision, slim).to_json())
    for name in _ONLY_COMPARED if slim else ():
        (folder / name).unlink(missing_ok=True)
    files = {path.name: _entry(path) for path in sorted(folder.iterdir())}
    write_json(folder / MANIFEST, dataclasses.replace(manifest, files=files).to_json())
    flush(folder)


def _write_models(folder: Path, made: Artefacts) -> list[str]:
    """Write the models and return their names."""
    for name, graph in made.graphs.files.items():
        (folder / name).write_bytes(graph)
    native = {} if made.native is None else made.native.files()
    for name, content in native.items():
        (folder / name).write_bytes(content)
    return [*made.graphs.files, *native]


def _native_scheme(native: NativeFiles | None) -> dict[str, str]:
    if native is None:
        return {}
    return {"native": "fp32" if native.int8 is None else native.scheme.name}


def _provenance(checkpoint: Checkpoint, made: Artefacts) -> dict[str, str]:
    """Versions and hashes; no times and no paths, so that the same inputs give the same bytes."""
    versions = {f"version_{tool}": importlib.metadata.version(tool) for tool in _TOOLS}
    native: dict[str, str] = {}
    if made.native is not None and made.native.int8 is not None:
        native = dict(made.native.int8.provenance)
    weights = {**checkpoint.lineage, "weights_sha256": checkpoint.weights_sha256}
    return {**versions, **made.graphs.provenance, **native, **weights}


def _entry(path: Path) -> FileEntry:
    return FileEntry(path.stat().st_size, sha256_of(path))
