"""From a bundle to an engine that may run: build, check, race, record.

Whenever this is cut short, what was finished is found again by its SHA-256 and what was not is done again. The record
is written last, so that an engine without one is never used.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from edgebert.bundle import Bundle, open_bundle
from edgebert.device import Device, this_device
from edgebert.errors import EngineError, EngineUnavailableError
from edgebert.prepare import child
from edgebert.prepare.builds import Workshop
from edgebert.prepare.lock import locked
from edgebert.prepare.prune import prune
from edgebert.prepare.stages import Progress, Stage
from edgebert.tensorrt.cuda import Gpu
from edgebert.tensorrt.library import RTX, TENSORRT, check_version, refuse_old_jetpack
from edgebert.tensorrt.plan import BuildPlan, read_plan
from edgebert.tensorrt.store import (
    CACHE_VARIABLE,
    RECORD,
    Identity,
    Slot,
    cache_folder,
    identify,
    slot_of,
    write_sealed,
)

FORMAT = 1  # of the record
NO_GPU = "not run: no GPU"


@dataclasses.dataclass(frozen=True)
class Options:
    """How to prepare."""

    cache: Path | None = None  # folder of all engines; None takes the one that `load` looks into
    workspace_bytes: int | None = None  # less than the plan allows
    rebuild: bool = False
    prune: bool = False  # remove the engines of other bundles and versions from the cache
    library: str = TENSORRT


@dataclasses.dataclass(frozen=True)
class Prepared:
    """An engine that `load` will find."""

    engine: str  # its path
    precision: str
    was_ready: bool
    golden: Mapping[str, object]  # by precision: the largest difference from the golden answers, or why there is none
    race: Mapping[str, object] | str  # milliseconds by precision, or why there was no race
    identity: Mapping[str, object]  # what the engine is tied to
    power_mode: str | None  # while it was built and raced


def prepare(path: Path, options: Options = Options(), progress: Progress = lambda step: None) -> Prepared:
    """Build the TensorRT engine of a bundle for this device, or find the one that was built before.

    Raises:
        BundleError: the bundle or its build plan is missing, damaged or hostile.
        EngineUnavailableError: this device has no GPU, no TensorRT, or one that the bundle is not for.
        EngineError: the build failed, or no engine gives the golden answers; `load` runs another engine of the bundle.
    """
    bundle = open_bundle(path)
    plan = read_plan(bundle)
    device = this_device()
    identity = _identity(options.library, plan, device)
    cache = cache_folder(options.cache)
    slot = slot_of(cache, identity.key(bundle, plan))
    if not options.rebuild and not options.prune and (ready := _ready(slot)) is not None:
        return ready
    try:
        slot.path.mkdir(parents=True, exist_ok=True)
        with locked(slot.path, lambda: _tell_of_waiting(progress)):
            ready = None if options.rebuild else _ready(slot)
            made = ready or _make(bundle, plan, Workshop(cache, slot, identity, device, progress), options)
            if options.prune:
                prune(cache, slot.path)
            return made
    except OSError as error:
        raise EngineError(
            f"cannot write {error.filename or slot.path}: {error.strerror or error}: pass --cache DIR on a disk with "
            f"room, and set {CACHE_VARIABLE} to it where the bundle is loaded"
        ) from error


def _tell_of_waiting(progress: Progress) -> None:
    Stage("waiting for another process", progress)


def _identity(library: str, plan: BuildPlan, device: Device) -> Identity:
    refuse_old_jetpack(device)
    try:
        facts = child.ask({"kind": "facts", "library": library})
    except child.CrashError as error:
        raise EngineUnavailableError(f"{library} cannot be loaded: {error}") from error
    except EngineError as error:
        raise EngineUnavailableError(str(error)) from error
    version = str(facts["version"])
    gpu = Gpu(**cast("dict[str, str]", facts["gpu"])) if facts["gpu"] else None
    if library != RTX:  # which has versions of its own and builds for a GPU that is elsewhere
        check_version(version, plan)
        if gpu is None:
            raise EngineUnavailableError(
                "there is no NVIDIA GPU here, or no driver: run prepare on the device that will run the bundle"
            )
    return identify(library, version, gpu, device)


def _make(bundle: Bundle, plan: BuildPlan, shop: Workshop, options: Options) -> Prepared:
    shop.clear(everything=options.rebuild)
    for precision in plan.models:
        shop.build(bundle, plan, precision, options.workspace_bytes)
    if not shop.identity.has_gpu:
        return _record(shop, next(iter(plan.models)), dict.fromkeys(plan.models, NO_GPU), NO_GPU)
    stage = Stage("checking the answers" + ", INT8 against FP16" * (len(plan.models) > 1), shop.progress)
    engines = {precision: str(shop.slot.engine(precision)) for precision in plan.models}
    job = {"kind": "judge", "library": shop.identity.library, "bundle": str(bundle.path), "engines": engines}
    answer = child.ask(job, stage.tell)
    found = cast("Mapping[str, Mapping[str, float | str]]", answer["engines"])
    return _choose(shop, found)


def _choose(shop: Workshop, found: Mapping[str, Mapping[str, float | str]]) -> Prepared:
    """Keep the faster of the engines whose answers are right."""
    times = {precision: float(one["milliseconds"]) for precision, one in found.items() if "milliseconds" in one}
    if not times:
        reasons = "; ".join(f"{precision}: {one.get('error', 'no answer')}" for precision, one in found.items())
        raise EngineError(f"no TensorRT engine gives the golden answers ({reasons}): another engine of the bundle runs")
    golden = {precision: one.get("largest_difference", one.get("error")) for precision, one in found.items()}
    race: Mapping[str, object] | str = dict(times)
    if len(found) == 1:
        race = "not run: the bundle holds one model, it is slim"
    return _record(shop, min(times, key=lambda precision: times[precision]), golden, race)


def _record(shop: Workshop, chosen: str, golden: Mapping[str, object], race: Mapping[str, object] | str) -> Prepared:
    note = shop.slot.built(chosen)
    if note is None:
        raise EngineError(f"{shop.slot.engine(chosen)} changed while it was checked: run prepare again")
    record = {
        "format": FORMAT,
        "chosen": chosen,
        "engine_sha256": note["engine_sha256"],
        "golden": dict(golden),
        "race": race,
        "identity": dataclasses.asdict(shop.identity),
        "power_mode": shop.device.power_mode,
    }
    write_sealed(shop.slot.path / RECORD, record)
    shop.drop_others(chosen)
    return _prepared(shop.slot.engine(chosen), record, was_ready=False)


def _ready(slot: Slot) -> Prepared | None:
    found = slot.prepared()
    return None if found is None else _prepared(*found, was_ready=True)


def _prepared(engine: Path, record: Mapping[str, object], was_ready: bool) -> Prepared:
    return Prepared(
        engine=str(engine),
        precision=str(record["chosen"]),
        was_ready=was_ready,
        golden=cast("Mapping[str, object]", record["golden"]),
        race=cast("Mapping[str, object] | str", record["race"]),
        identity=cast("Mapping[str, object]", record["identity"]),
        power_mode=cast("str | None", record["power_mode"]),
    )
