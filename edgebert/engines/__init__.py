"""Engines run the graph of a bundle. Each is one module with an `open_session` function.

To add one: write the module, name it in `_MODULES`, and let the export list it in the manifest of the targets that it
serves.
"""

import importlib
import warnings
from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from edgebert.bundle import Bundle, model_file
from edgebert.errors import EngineError, EngineUnavailableError, InputError, MissingExtraError

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

_MODULES = {
    "tensorrt": "edgebert.engines.tensorrt",
    "native": "edgebert.engines.native",
    "onnxruntime": "edgebert.engines.onnxruntime",
}
_FAIREST = "onnxruntime"  # its fused FP32 graph is what a user would run without edgebert


class EngineWarning(UserWarning):
    """An engine that the bundle prefers cannot run on this machine as it stands, and another runs instead."""


class Session(Protocol):
    """Runs token ids through a model; one session belongs to one thread at a time."""

    engine: str

    def run(self, input_ids: Ids, attention_mask: Ids, token_type_ids: Ids | None = None) -> Floats:
        """Run the encoder.

        Args:
            input_ids: int32 [batch, tokens].
            attention_mask: int32 [batch, tokens], ones for tokens, then zeros for padding at the end.
            token_type_ids: int32 [batch, tokens]; zeros where it is None.

        Returns:
            float32 [batch, tokens, hidden] for "embed" (zeros at padding), logits [batch, labels] for "classify",
            [batch, tokens, labels] for "tag", and [batch, tokens, 2] of start and end for "answer".

        Raises:
            InputError: an array has the wrong shape or type, a row has no token, or an id is out of range.
            EngineError: the engine failed.
        """
        ...


class _Module(Protocol):
    def open_session(self, bundle: Bundle, file: str, threads: int) -> Session: ...


def open_session(bundle: Bundle, engine: str | None, threads: int, baseline: bool = False) -> Session:
    """Open a session on a bundle.

    Args:
        bundle: the bundle.
        engine: name of an engine; None takes the first engine of the manifest that runs here, with an `EngineWarning`
            where one that is better cannot, and for the baseline onnxruntime where it is installed.
        threads: threads for one run, at least 1.
        baseline: run the FP32 baseline instead of the bundle's own model.

    Raises:
        EngineError: the engine does not exist or cannot run this bundle.
        EngineUnavailableError: no engine of the manifest runs on this machine as it stands.
        MissingExtraError: no engine of the manifest is installed.
        BundleError: the model file is missing or damaged.
        InputError: ``threads`` is not a whole number from 1 to 1024.
    """
    check_threads(threads)
    failed: list[MissingExtraError | EngineUnavailableError] = []
    for name in _candidates(bundle, engine, baseline):
        module = cast("_Module", importlib.import_module(_MODULES[name]))
        try:
            session = module.open_session(bundle, model_file(bundle.manifest, name, baseline), threads)
        except (MissingExtraError, EngineUnavailableError) as error:
            failed.append(error)
        else:
            _warn_about(failed, session, baseline)
            return session
    if failed:
        raise failed[0]
    raise EngineError(f"no engine of this edgebert runs {bundle.path}: it was exported for {_listed(bundle)}")


def check_threads(threads: object) -> None:
    """Refuse what is no number of threads.

    Raises:
        InputError: it is not a whole number from 1 to 1024.
    """
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 1024:
        raise InputError(f"threads is {threads!r}: give a whole number from 1 to 1024")


def _warn_about(failed: Sequence[Exception], session: Session, baseline: bool) -> None:
    """Say once why another engine than the bundle's best runs; an engine that is not installed is no surprise."""
    reason = next((error for error in failed if isinstance(error, EngineUnavailableError)), None)
    if reason is not None and not baseline:
        warnings.warn(f"{session.engine} runs instead of tensorrt: {reason}", EngineWarning, stacklevel=5)


def baseline_order(engines: Sequence[str]) -> list[str]:
    """Return engines in the order in which the FP32 baseline is sought."""
    return sorted(engines, key=lambda engine: engine != _FAIREST)


def _candidates(bundle: Bundle, engine: str | None, baseline: bool) -> list[str]:
    if engine is None:
        known = [name for name in bundle.manifest.engines if name in _MODULES]
        return baseline_order(known) if baseline else known
    if engine not in _MODULES:
        raise EngineError(f"there is no engine {engine!r}: choose one of {', '.join(_MODULES)}")
    if engine not in bundle.manifest.engines:
        raise EngineError(f"{bundle.path} cannot run on engine {engine!r}: it was exported for {_listed(bundle)}")
    return [engine]


def _listed(bundle: Bundle) -> str:
    return ", ".join(bundle.manifest.engines)
