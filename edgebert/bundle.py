"""The bundle: a folder that is the only bridge between the export and the device."""

import dataclasses
import os
from pathlib import Path

from edgebert.errors import BundleError
from edgebert.files import read_into_large_pages, read_json, sha256_of
from edgebert.manifest import Manifest, parse_manifest

MANIFEST = "edgebert.json"
MODEL = "model.onnx"
BASELINE = "model.fp32.onnx"
HALF = "model.fp16.onnx"
NATIVE_MODEL = "model.edgebert"
NATIVE_BASELINE = "model.fp32.edgebert"
TOKENIZER = "tokenizer.edgebert"
GOLDEN = "golden.json"
REPORT = "report.json"
PLAN = "plan.json"

_Stamp = tuple[int, int, int, int]  # of a file: device, number, and when content and entry were written

_FILES = {"native": (NATIVE_MODEL, NATIVE_BASELINE), "onnxruntime": (MODEL, BASELINE)}

_MANIFEST_MAX = 16 << 20  # bytes; 100,000 long labels fit
_GOLDEN_MAX = 256 << 20  # bytes


@dataclasses.dataclass(frozen=True)
class Bundle:
    """An opened bundle: its folder and its manifest. The files are checked when they are asked for, each once."""

    path: Path
    manifest: Manifest
    _checked: dict[str, _Stamp] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def file(self, name: str) -> Path:
        """Return the path of a file that is inside the folder and has the size and hash of the manifest.

        A file that has not been written to since its hash was found right is not read again.

        Raises:
            BundleError: the manifest does not list it, or it is missing, a link that leaves the folder, or changed.
        """
        entry = self.manifest.files.get(name)
        if entry is None:
            raise BundleError(f"{self.path} holds no {name}: export it again{_hint(name)}")
        path = self.path / name
        try:
            inside = path.resolve(strict=True).parent == self.path.resolve()
            stat = path.stat()
            if not inside or not path.is_file():
                raise BundleError(f"{path} is not a plain file inside the bundle: copy the bundle again")
            if stat.st_size != entry.bytes:
                raise BundleError(
                    f"{path} has {stat.st_size} bytes, the manifest says {entry.bytes}: copy the bundle again"
                )
            stamp = stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns
            digest = entry.sha256
            if self._checked.get(name) != stamp:
                read_into_large_pages(path)  # before the digest reads it into small ones
                digest = sha256_of(path)
        except (OSError, RuntimeError) as error:  # before Python 3.13 a loop of links is a RuntimeError
            raise BundleError(f"cannot read {path}: {getattr(error, 'strerror', error)}") from error
        if digest != entry.sha256:
            raise BundleError(
                f"{path} was changed: its SHA-256 starts with {digest[:12]}, the manifest says {entry.sha256[:12]}: "
                "copy the bundle again"
            )
        self._checked[name] = stamp
        return path

    def json(self, name: str) -> object:
        """Return the parsed content of a JSON file of the bundle, checked like any other file."""
        return read_json(self.file(name), _GOLDEN_MAX)

    def has(self, name: str) -> bool:
        """Say whether the manifest lists a file; the baseline is left out of slim bundles."""
        return name in self.manifest.files


def model_file(manifest: Manifest, engine: str, baseline: bool) -> str:
    """Return the name of the file that an engine opens; where its model is FP32, that is the baseline too.

    An engine that this version does not know is taken to open the graph.
    """
    own, fp32 = _FILES.get(engine, (MODEL, BASELINE))
    return fp32 if baseline and manifest.scheme.get(engine, manifest.precision) != "fp32" else own


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Read the manifest of a bundle.

    Raises:
        BundleError: there is no bundle, or its manifest is damaged or of a newer format.
    """
    folder = Path(path)
    hint = "give the folder that `edgebert export` wrote"
    try:
        exists, is_bundle = folder.exists(), (folder / MANIFEST).is_file()
    except OSError as error:
        raise BundleError(f"cannot read {folder}: {error.strerror}") from error
    if not exists:
        raise BundleError(f"there is no bundle at {folder}: {hint}")
    if not is_bundle:
        raise BundleError(f"{folder} is not a bundle, it holds no {MANIFEST}: {hint}")
    manifest = parse_manifest(read_json(folder / MANIFEST, _MANIFEST_MAX), str(folder / MANIFEST))
    return Bundle(folder, manifest)


def _hint(name: str) -> str:
    return " without --slim" if name in (BASELINE, NATIVE_BASELINE) else ""
