"""Build engines into their folder, one process an engine, each file beside its name first."""

import dataclasses
from pathlib import Path

from edgebert.bundle import Bundle
from edgebert.device import Device
from edgebert.errors import EngineError
from edgebert.files import new_file, sha256_of
from edgebert.prepare import child
from edgebert.prepare.lock import LOCK
from edgebert.prepare.resources import check_disk, workspace_for
from edgebert.prepare.stages import Progress, Stage
from edgebert.tensorrt.plan import BuildPlan
from edgebert.tensorrt.store import Identity, Slot, read_timings, timings_file, write_sealed, write_timings


@dataclasses.dataclass
class Workshop:
    """The folder of one bundle's engines, held by this process alone."""

    cache: Path
    slot: Slot
    identity: Identity
    device: Device
    progress: Progress
    usual: float | None = None  # seconds that the last build took

    def clear(self, everything: bool) -> None:
        """Remove what a process that was killed left behind; with ``everything`` also what it finished."""
        for path in self.slot.path.iterdir():
            if path.name != LOCK and (everything or path.name.startswith(".")):
                path.unlink()

    def build(self, bundle: Bundle, plan: BuildPlan, precision: str, workspace_bytes: int | None) -> None:
        """Build an engine unless it is there and whole.

        Raises:
            EngineError: there is not enough memory or disk, or TensorRT failed.
        """
        if self.slot.built(precision) is not None:
            return
        model = plan.models[precision]
        graph = bundle.file(model.file)
        size = bundle.manifest.files[model.file].bytes
        check_disk(self.slot.path, size)
        wanted = min(plan.workspace_bytes, workspace_bytes or plan.workspace_bytes)
        job = {
            "kind": "build",
            "library": self.identity.library,
            "graph": str(graph),
            "flags": self._flags(plan, precision),
            "profiles": [dataclasses.asdict(profile) for profile in plan.profiles],
            "workspace_bytes": workspace_for(self.device, size, wanted),
        }
        with new_file(self.slot.engine(precision)) as output:
            note = self._run({**job, "output": str(output)}, f"building the {precision.upper()} engine")
            if sha256_of(output) != note["engine_sha256"]:
                raise EngineError(f"{output} is not what was built: check the disk under {self.slot.path}")
        write_sealed(self.slot.note(precision), note)

    def drop_others(self, chosen: str) -> None:
        """Remove the engines that lost."""
        for path in self.slot.path.glob("*.engine"):
            if path != self.slot.engine(chosen):
                path.unlink()
                self.slot.note(path.stem).unlink(missing_ok=True)

    def _flags(self, plan: BuildPlan, precision: str) -> list[str]:
        major = int(self.identity.tensorrt.split(".")[0])
        return list(plan.models[precision].flags.get(major, ()))

    def _run(self, job: dict[str, object], name: str) -> dict[str, object]:
        """Build with the timings of earlier builds, and without them where that crashes."""
        kept = timings_file(self.cache, self.identity)
        content = read_timings(kept)
        stage = Stage(name, self.progress, self.usual)
        scratch = self.slot.path / ".timings"
        scratch.write_bytes(content)
        try:
            note = child.ask({**job, "timings": str(scratch)}, stage.tell)
        except child.CrashError:
            if not content:
                raise
            scratch.write_bytes(b"")
            note = child.ask({**job, "timings": str(scratch)}, stage.tell)
        write_timings(kept, scratch.read_bytes(), scratch)
        self.usual = float(str(note["seconds"]))
        return dict(note)
