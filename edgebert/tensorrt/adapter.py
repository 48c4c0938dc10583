"""Where the versions of TensorRT differ: how a network is made, how precision is asked for, who reports progress.

| | 8.5, 8.6 | 10 | 11 | TensorRT-RTX |
|---|---|---|---|---|
| `EXPLICIT_BATCH` | must be set | ignored | gone | gone |
| `INT8`, `FP16` | must be set | used, unless strongly typed | gone | gone |
| `STRONGLY_TYPED` | does not exist | may be set | always so | always so |
| progress monitor | none | yes | yes | yes |
"""

from collections.abc import Callable, Sequence
from typing import Any

from edgebert.tensorrt.api import Builder, Config, Module, Network
from edgebert.tensorrt.library import Library
from edgebert.tensorrt.progress import PhaseTree

STRONGLY_TYPED = "strongly_typed"


def create_network(library: Library, builder: Builder, flags: Sequence[str]) -> Network:
    """Return an empty network."""
    kinds = library.module.NetworkDefinitionCreationFlag
    names = ["EXPLICIT_BATCH"] if hasattr(kinds, "EXPLICIT_BATCH") and library.major < 10 else []
    names += ["STRONGLY_TYPED"] if STRONGLY_TYPED in flags and hasattr(kinds, "STRONGLY_TYPED") else []
    return builder.create_network(sum(1 << int(getattr(kinds, name)) for name in names))


def ask_for_precision(library: Library, config: Config, flags: Sequence[str]) -> None:
    """Allow the precisions of a plan's flags; where types are literal there is nothing to ask for."""
    for flag in flags:
        if flag != STRONGLY_TYPED and hasattr(library.module.BuilderFlag, flag.upper()):
            config.set_flag(getattr(library.module.BuilderFlag, flag.upper()))


def watch_progress(library: Library, config: Config, report: Callable[[float], None]) -> bool:
    """Report the done part of a build from 0 to 1; return whether this version can."""
    monitor: Any = getattr(library.module, "IProgressMonitor", None)
    if monitor is None or not hasattr(config, "progress_monitor"):
        return False
    config.progress_monitor = _monitor(library.module, PhaseTree(report))
    return True


def _monitor(module: Module, tree: PhaseTree) -> object:
    base: Any = getattr(module, "IProgressMonitor")  # noqa: B009  (not in every version)

    class Monitor(base):  # type: ignore[misc]  # a class of the module
        def __init__(self) -> None:
            base.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            tree.start(phase_name, parent_phase, num_steps)

        def phase_finish(self, phase_name: str) -> None:
            tree.finish(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            tree.step(phase_name, step)
            return True

    return Monitor()
