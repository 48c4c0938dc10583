"""Who runs: the bundle's own model on every engine that is installed, and the FP32 baseline."""

import dataclasses

from edgebert.bench.report import Note
from edgebert.bench.settings import Settings
from edgebert.bundle import Bundle, model_file
from edgebert.engines import Session, baseline_order, open_session
from edgebert.errors import EdgebertError, EngineError, MissingExtraError
from edgebert.loader import load_bundle
from edgebert.models import Model


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One model on one engine; it is opened when it is needed, so that no memory is held meanwhile."""

    bundle: Bundle
    engine: str
    threads: int
    is_baseline: bool

    @property
    def precision(self) -> str:
        """The precision of the weights: "int8", "fp16" or "fp32"."""
        return "fp32" if self.is_baseline or self._is_exact else self.bundle.manifest.precision

    @property
    def name(self) -> str:
        """The name in tables, for example "FP32 (onnxruntime)"."""
        return f"{self.precision.upper()} ({self.engine})"

    @property
    def model_bytes(self) -> int:
        """Size of the model file."""
        return self.bundle.manifest.files[self._file].bytes

    @property
    def has_file(self) -> bool:
        """Whether the bundle holds the model file."""
        return self.bundle.has(self._file)

    @property
    def is_own(self) -> bool:
        """Whether it runs the bundle's own model, which may be FP32 on some engines alone."""
        return not self.is_baseline or self._is_exact

    @property
    def _is_exact(self) -> bool:
        return self.bundle.manifest.scheme.get(self.engine) == "fp32"

    @property
    def _file(self) -> str:
        return model_file(self.bundle.manifest, self.engine, self.is_baseline)

    def load(self) -> Model:
        """Open the model with what its task needs."""
        return load_bundle(self.bundle, self.engine, self.threads, self.is_baseline)

    def session(self) -> Session:
        """Open the model alone."""
        return open_session(self.bundle, self.engine, self.threads, self.is_baseline)


@dataclasses.dataclass(frozen=True)
class Field:
    """All contestants, the place of the one that the others are compared with, and why some are missing."""

    contestants: tuple[Contestant, ...]
    reference: int | None
    notes: tuple[Note, ...]


def find_field(bundle: Bundle, settings: Settings) -> Field:
    """Find the contestants by opening each of them once.

    Raises:
        EdgebertError: the bundle's own model opens on no engine, or a file of the bundle is damaged.
    """
    engines = bundle.manifest.engines if settings.engine is None else (settings.engine,)
    own, notes, errors = _open([Contestant(bundle, engine, settings.threads, False) for engine in engines])
    if not own:
        raise errors[0]
    reason = _no_baseline(bundle, settings)
    if reason is not None:
        return Field(tuple(own), None, (*notes, Note("baseline", reason)))
    engines = tuple(baseline_order(bundle.manifest.engines))
    rivals = [Contestant(bundle, engine, settings.threads, True) for engine in engines]
    baselines, more, _ = _open([rival for rival in rivals if rival.has_file and not rival.is_own])
    contestants = (*own, *baselines)
    exact = [place for place, contestant in enumerate(contestants) if contestant.precision == "fp32"]
    reference = min(exact, key=lambda place: engines.index(contestants[place].engine), default=None)
    return Field(contestants, reference, (*notes, *more))


def _no_baseline(bundle: Bundle, settings: Settings) -> str | None:
    if settings.baseline == "none":
        return "no baseline was asked for"
    if bundle.manifest.precision == "fp32":
        return "the bundle is FP32 itself"
    files = [model_file(bundle.manifest, engine, True) for engine in baseline_order(bundle.manifest.engines)]
    if not any(bundle.has(file) for file in files):
        return f"the bundle holds no {files[0]}: export it without --slim"
    return None


def _open(candidates: list[Contestant]) -> tuple[list[Contestant], list[Note], list[EdgebertError]]:
    """Return those that open; an engine that is missing or refuses becomes a note."""
    opened: list[Contestant] = []
    notes: list[Note] = []
    errors: list[EdgebertError] = []
    for candidate in candidates:
        try:
            candidate.session()
        except (EngineError, MissingExtraError) as error:
            notes.append(Note(candidate.name, str(error)))
            errors.append(error)
        else:
            opened.append(candidate)
    return opened, notes, errors
