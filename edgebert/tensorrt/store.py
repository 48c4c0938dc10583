"""Where built engines are kept: one folder for a bundle on a device, found again by what the engine depends on.

A folder holds an engine and a note for each precision that was built, and ``record.json``, which is written last and
says which engine runs. Notes and records carry their own SHA-256, and the SHA-256 of the engine that they speak of:
what was cut short or changed is not there.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from edgebert.bundle import PLAN, Bundle
from edgebert.device import Device
from edgebert.errors import BundleError, EngineUnavailableError
from edgebert.files import new_file, read_json, sha256_of, write_json
from edgebert.tensorrt.cuda import Gpu
from edgebert.tensorrt.plan import BuildPlan

CACHE_VARIABLE = "EDGEBERT_CACHE"
RECORD = "record.json"
_BUILDER = 1  # grows when edgebert builds another engine from the same plan
_SEAL = "sha256"
_NOTE_MAX = 1 << 20  # bytes


@dataclasses.dataclass(frozen=True)
class Identity:
    """What an engine is tied to, beside the bundle."""

    library: str
    tensorrt: str
    cuda: str | None
    driver: str | None
    compute_capability: str | None
    device: str

    def key(self, bundle: Bundle, plan: BuildPlan) -> str:
        """Return 32 hexadecimal digits that change with everything that an engine depends on."""
        names = [PLAN, *(model.file for model in plan.models.values())]
        document = {
            "builder": _BUILDER,
            "identity": dataclasses.asdict(self),
            "files": {name: bundle.manifest.files[name].sha256 for name in names},
        }
        return digest_of(document)[:32]

    @property
    def has_gpu(self) -> bool:
        """Whether there is a GPU that can run the engine here."""
        return self.cuda is not None

    @property
    def device_key(self) -> str:
        """Sixteen hexadecimal digits of what timings depend on."""
        return digest_of(dataclasses.asdict(self))[:16]


def identify(library: str, version: str, gpu: Gpu | None, device: Device) -> Identity:
    """Return what an engine of this library is tied to on this device; boards with the same GPU differ by name."""
    return Identity(
        library=library,
        tensorrt=version,
        cuda=gpu.cuda if gpu else None,
        driver=device.driver or device.l4t,
        compute_capability=gpu.compute_capability if gpu else device.compute_capability,
        device=", ".join(name for name in (device.board, gpu.name if gpu else None) if name) or "no GPU",
    )


def cache_folder(chosen: Path | None) -> Path:
    """Return the folder of all engines: the chosen one, else $EDGEBERT_CACHE, else the user's cache.

    Raises:
        EngineUnavailableError: none was chosen and this user has no home.
    """
    if chosen is not None:
        return chosen.absolute()
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE]).absolute()
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise EngineUnavailableError(
            f"this user has no home folder: set {CACHE_VARIABLE} to one for engines"
        ) from error
    return base.absolute() / "edgebert"


@dataclasses.dataclass(frozen=True)
class Slot:
    """The folder of one bundle's engines on one device; it may not exist."""

    path: Path

    def engine(self, precision: str) -> Path:
        """Return the path of an engine."""
        return self.path / f"{precision}.engine"

    def note(self, precision: str) -> Path:
        """Return the path of what is known of an engine."""
        return self.path / f"{precision}.json"

    def built(self, precision: str) -> Mapping[str, object] | None:
        """Return the note of an engine that is whole, None where it has to be built."""
        note = read_sealed(self.note(precision))
        return note if note is not None and self._is_whole(precision, note) else None

    def record(self) -> Mapping[str, object] | None:
        """Return the record, None where nothing is prepared or the record was damaged."""
        record = read_sealed(self.path / RECORD)
        return record if record is not None and record.get("chosen") in ("int8", "fp16") else None

    def prepared(self) -> tuple[Path, Mapping[str, object]] | None:
        """Return the engine that runs and its record, None where it is not prepared or damaged."""
        record = self.record()
        if record is None:
            return None
        chosen = str(record["chosen"])
        return (self.engine(chosen), record) if self._is_whole(chosen, record) else None

    def _is_whole(self, precision: str, note: Mapping[str, object]) -> bool:
        try:
            return sha256_of(self.engine(precision)) == note.get("engine_sha256")
        except OSError:
            return False


def timings_file(cache: Path, identity: Identity) -> Path:
    """Return where the timings of this device's kernels are kept; all bundles share them."""
    return cache / f"timings-{identity.device_key}"


def read_timings(path: Path) -> bytes:
    """Return the timings of earlier builds, empty where there are none or they were changed."""
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return b""
    return content if digest == hashlib.sha256(content).hexdigest().encode() else b""


def write_timings(path: Path, content: bytes, scratch: Path) -> None:
    """Keep timings for the next build; ``scratch`` is a file on the same disk that only this process writes."""
    scratch.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    scratch.replace(path)


def slot_of(cache: Path, key: str) -> Slot:
    """Return the folder of a key."""
    return Slot(cache / key)


def digest_of(document: object) -> str:
    """Return the SHA-256 of a JSON document, the same for the same content."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_sealed(path: Path, document: Mapping[str, object]) -> None:
    """Write a JSON object with its own SHA-256 beside, then rename."""
    with new_file(path) as temporary:
        write_json(temporary, {**document, _SEAL: digest_of(dict(document))})


def read_sealed(path: Path) -> Mapping[str, object] | None:
    """Return what `write_sealed` wrote, None where it is missing or was changed."""
    try:
        document = read_json(path, _NOTE_MAX)
    except BundleError:
        return None
    if not isinstance(document, dict):
        return None
    content = cast("dict[str, object]", document)
    seal = content.pop(_SEAL, None)
    return content if seal == digest_of(content) else None
