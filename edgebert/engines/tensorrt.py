"""The tensorrt engine: an engine that `edgebert prepare` built on this device, run on its GPU.

A row is padded to the shortest of the plan's lengths that holds it, and its own length alone decides which: the same
text runs through the same kernels alone and in any batch.
"""

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgebert.bundle import Bundle, model_file
from edgebert.device import this_device
from edgebert.engines import Floats, Ids, Session
from edgebert.engines.arrays import check_arrays
from edgebert.errors import EngineError, EngineUnavailableError
from edgebert.manifest import Manifest
from edgebert.tensorrt.api import Engine
from edgebert.tensorrt.bucket import Array, Bucket
from edgebert.tensorrt.cuda import CudaDriver, Driver
from edgebert.tensorrt.library import TENSORRT, Library, check_version, import_library, make_logger
from edgebert.tensorrt.plan import BuildPlan, Profile, read_plan
from edgebert.tensorrt.store import cache_folder, identify, slot_of

Lengths = npt.NDArray[np.intp]


def open_session(bundle: Bundle, file: str, threads: int) -> Session:
    """Open the engine that was prepared for a bundle; the GPU has no use for ``threads``.

    Raises:
        EngineUnavailableError: TensorRT is missing or of another version than the bundle's, there is no GPU, or the
            engine is not prepared or was damaged.
        BundleError: the build plan is missing or damaged.
    """
    if file != model_file(bundle.manifest, TENSORRT, False):
        raise EngineUnavailableError("the engine tensorrt does not run the baseline: use onnxruntime or native")
    plan = read_plan(bundle)
    device = this_device()
    library = import_library(TENSORRT, device)
    check_version(library.version, plan)
    driver = CudaDriver()
    key = identify(TENSORRT, library.version, driver.gpu(), device).key(bundle, plan)
    slot = slot_of(cache_folder(None), key)
    found = slot.prepared()
    if found is None:
        state = "is damaged" if slot.path.exists() else "is not built for this device yet"
        raise EngineUnavailableError(f"its engine {state}: run `edgebert prepare {bundle.path}`")
    return TensorRtSession(found[0], bundle.manifest, plan, library, driver)


class TensorRtSession:
    """An engine file opened with TensorRT."""

    engine = TENSORRT

    def __init__(
        self, path: Path, manifest: Manifest, plan: BuildPlan, library: Library, driver: Driver | None = None
    ) -> None:
        """Open an engine file.

        Raises:
            EngineUnavailableError: TensorRT does not take the file, for example because it is of another version, or
                the device has not enough memory for the longest text.
        """
        self._manifest = manifest
        self._profiles = plan.profiles
        self._library = library
        self._driver = CudaDriver() if driver is None else driver
        self._driver.activate()
        self._buckets: dict[int, Bucket] = {}
        # contexts go before the stream and the memory that they use
        weakref.finalize(self, _release, self._buckets, self._driver)
        self._errors: list[str] = []
        self._logger = make_logger(library.module, self._errors)
        self._runtime = library.module.Runtime(self._logger)
        self._engine = self._open(path)
        try:
            self._stream = self._driver.new_stream()
            self._bucket(len(self._profiles) - 1)
        except EngineError as error:
            raise EngineUnavailableError(str(error)) from error

    def run(self, input_ids: Ids, attention_mask: Ids, token_type_ids: Ids | None = None) -> Floats:
        """Run the model; see `edgebert.engines.Session.run`."""
        shape = self._manifest.shape
        lengths = check_arrays(input_ids, attention_mask, token_type_ids, shape.vocabulary, shape.max_tokens)
        types = np.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        self._driver.activate()  # a session may move from thread to thread
        output = self._blank(len(input_ids), input_ids.shape[1])
        for bucket, rows in self._batches(lengths):
            values = bucket.run(_padded(input_ids, types, lengths, rows, bucket.profile))
            self._check_output(values, bucket.profile)
            for at, row in enumerate(rows):
                if output.ndim == 2:
                    output[row] = values[at]
                else:
                    output[row, : lengths[row]] = values[at, : lengths[row]]
        return output

    def _open(self, path: Path) -> Engine:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise EngineUnavailableError(f"cannot read the engine {path}: {error.strerror}") from error
        engine = self._runtime.deserialize_cuda_engine(content)
        if engine is None or engine.num_optimization_profiles != len(self._profiles):
            why = " ".join(self._errors[-1].split()) if self._errors else "its profiles are not the plan's"
            raise EngineUnavailableError(f"TensorRT {self._library.version} does not take the engine {path}: {why}")
        return engine

    def _batches(self, lengths: Lengths) -> Iterator[tuple[Bucket, list[int]]]:
        """Yield buckets with the rows that each runs, no more at once than its batch."""
        ends = [profile.tokens for profile in self._profiles]
        chosen = np.searchsorted(ends, lengths)
        for index in np.unique(chosen).tolist():
            bucket = self._bucket(index)
            rows = np.flatnonzero(chosen == index).tolist()
            for start in range(0, len(rows), bucket.profile.batch):
                yield bucket, rows[start : start + bucket.profile.batch]

    def _bucket(self, index: int) -> Bucket:
        if index not in self._buckets:
            profile = self._profiles[index]
            self._buckets[index] = Bucket(
                self._library.module, self._engine, index, profile, self._driver, self._stream
            )
        return self._buckets[index]

    def _blank(self, rows: int, tokens: int) -> Floats:
        width = self._manifest.output_width
        shape = (rows, tokens, width) if self._manifest.output_by_token else (rows, width)
        return np.zeros(shape, np.float32)

    def _check_output(self, values: Array, profile: Profile) -> None:
        expected = self._blank(profile.batch, profile.tokens).shape
        if values.shape != expected:
            raise EngineError(
                f"the engine gives {list(values.shape)}, the manifest says {list(expected)}: "
                "run `edgebert prepare --rebuild`"
            )


def _padded(input_ids: Ids, types: Ids, lengths: Lengths, rows: list[int], profile: Profile) -> dict[str, Array]:
    """Put rows into the shape of a profile; a row to spare is one token, so that its softmax is defined."""
    shape = (profile.batch, profile.tokens)
    padded = {name: np.zeros(shape, np.int32) for name in ("input_ids", "attention_mask", "token_type_ids")}
    padded["attention_mask"][:, 0] = 1
    for at, row in enumerate(rows):
        length = lengths[row]
        padded["input_ids"][at, :length] = input_ids[row, :length]
        padded["attention_mask"][at, :length] = 1
        padded["token_type_ids"][at, :length] = types[row, :length]
    return dict(padded)


def _release(buckets: dict[int, Bucket], driver: Driver) -> None:
    buckets.clear()
    driver.close()
