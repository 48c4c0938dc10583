"""Who runs: the bundle's own model on every engine that is installed, and the FP32 baseline."""

import dataclasses
from collections.abc import Iterable

from edgebert.bench.report import Note
from edgebert.bench.settings import Settings
from edgebert.bundle import BASELINE, MODEL, Bundle
from edgebert.classifier import Classifier
from edgebert.encoder import Encoder
from edgebert.errors import EdgebertError, EngineError, MissingExtraError
from edgebert.load import load_bundle

_FAIREST = "onnxruntime"  # its fused FP32 graph is what a user would run without edgebert


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One model on one engine."""

    name: str
    engine: str
    precision: str
    is_baseline: bool
    model: Encoder | Classifier
    model_bytes: int


@dataclasses.dataclass(frozen=True)
class Field:
    """All contestants, the place of the one that the others are compared with, and why some are missing."""

    contestants: tuple[Contestant, ...]
    reference: int | None
    notes: tuple[Note, ...]


def open_field(bundle: Bundle, settings: Settings) -> Field:
    """Open every contestant.

    Raises:
        EdgebertError: the bundle's own model opens on no engine, or a file of the bundle is damaged.
    """
    engines = bundle.manifest.engines if settings.engine is None else (settings.engine,)
    own, notes, errors = _open(bundle, engines, settings.threads, baseline=False)
    if not own:
        raise errors[0]
    reason = _no_baseline(bundle, settings)
    if reason is not None:
        return Field(tuple(own), None, (*notes, Note("baseline", reason)))
    baselines, more, _ = _open(bundle, bundle.manifest.engines, settings.threads, baseline=True)
    baselines.sort(key=lambda contestant: contestant.engine != _FAIREST)
    return Field((*own, *baselines), len(own) if baselines else None, (*notes, *more))


def _no_baseline(bundle: Bundle, settings: Settings) -> str | None:
    if settings.baseline == "none":
        return "no baseline was asked for"
    if bundle.manifest.precision == "fp32":
        return "the bundle is FP32 itself"
    if not bundle.has(BASELINE):
        return f"the bundle holds no {BASELINE}: export it without --slim"
    return None


def _open(
    bundle: Bundle, engines: Iterable[str], threads: int, baseline: bool
) -> tuple[list[Contestant], list[Note], list[EdgebertError]]:
    """Open one model on each engine; an engine that is missing or refuses becomes a note."""
    opened, notes, errors = [], [], list[EdgebertError]()
    precision = "fp32" if baseline else bundle.manifest.precision
    for engine in engines:
        name = f"{precision.upper()}{' baseline' if baseline else ''} ({engine})"
        try:
            model = load_bundle(bundle, engine, threads, baseline)
        except (EngineError, MissingExtraError) as error:
            notes.append(Note(name, str(error)))
            errors.append(error)
        else:
            size = bundle.manifest.files[BASELINE if baseline else MODEL].bytes
            opened.append(Contestant(name, engine, precision, baseline, model, size))
    return opened, notes, errors
