"""Measure for about a second whether INT8 helps on this CPU: a small random model, INT8 against FP32."""

import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgebert import _native
from edgebert.container import Array, pack
from edgebert.errors import EdgebertError

# the layers of MiniLM, fewer of them: a layer's FP32 weights, 7 MB, fill the cache of a core as a whole model's do
_SIZES = {"layers": 2, "hidden": 384, "heads": 12, "intermediate": 1536, "vocabulary": 32, "max_tokens": 32}
_TOKENS = 32
_SECONDS = 1.0
_LEAST_PAIRS = 5


@dataclasses.dataclass(frozen=True)
class Trial:
    """What was measured: one text of 32 tokens on one thread of the engine native."""

    path: str  # the CPU path in use, for example "avx512_vnni"
    tokens: int
    int8_ms: float  # the fastest run, since other programs only slow one down
    fp32_ms: float
    times_faster: float


def measure(seconds: float = _SECONDS) -> Trial:
    """Measure for ``seconds``.

    Raises:
        EdgebertError: the engine failed, or there is no place for a model of 15 MB.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="edgebert-") as folder:
            sessions = [_session(Path(folder) / f"{precision}.edgebert", precision) for precision in ("int8", "fp32")]
            ids = np.arange(_TOKENS, dtype=np.int32)[None] % _SIZES["vocabulary"]
            times = np.array(list(_pairs(sessions, ids, seconds)), np.float64) / 1e6
    except OSError as error:
        raise EdgebertError(f"no temporary file can be written: {error.strerror or error}") from error
    int8, fp32 = times.min(axis=0).tolist()
    return Trial(sessions[0].path, _TOKENS, int8, fp32, fp32 / int8)


def _pairs(sessions: list[_native.Session], ids: npt.NDArray[np.int32], seconds: float) -> Iterator[tuple[int, int]]:
    """Yield nanoseconds of both, in turn, so that both see the same machine."""
    lengths = np.array([ids.shape[1]], np.int64)
    end = time.monotonic() + seconds
    for number in range(1 << 20):
        if number > _LEAST_PAIRS and time.monotonic() > end:
            return
        pair = []
        for session in sessions:
            session.run(ids, lengths)  # the one before it has filled the caches with other weights
            start = time.perf_counter_ns()
            session.run(ids, lengths)
            pair.append(time.perf_counter_ns() - start)
        yield pair[0], pair[1]


def _session(path: Path, precision: str) -> _native.Session:
    fixed = {"format": 1, "name": "trial", "task": "embed", "precision": precision, "activation": "gelu"}
    settings = {**fixed, **_SIZES, "layer_norm_epsilon": "1e-12", "pooling": "mean", "normalize": "true"}
    metadata = {f"edgebert.{name}": str(value) for name, value in settings.items()}
    path.write_bytes(pack(_tensors(precision), metadata))
    return _native.Model.open(os.fsencode(path)).session(1)


def _tensors(precision: str) -> Mapping[str, Array]:
    """Random weights in the form of `docs/bundle-format.md`; the speed does not depend on their values."""
    hidden, wide = _SIZES["hidden"], _SIZES["intermediate"]
    generator = np.random.default_rng(0)
    tensors: dict[str, Array] = {}
    words = (_SIZES["vocabulary"], hidden)
    if precision == "int8":
        tensors["embeddings.word.rows"] = generator.integers(-64, 65, words, np.int8)
        tensors["embeddings.word.scales"] = np.full(words[0], 0.01, np.float32)
    else:
        tensors["embeddings.word"] = generator.random(words, np.float32)
    tensors["embeddings.position"] = np.zeros((_SIZES["max_tokens"], hidden), np.float32)
    tensors["embeddings.type"] = np.zeros((2, hidden), np.float32)
    norms = ["embeddings.norm"]
    for layer in range(_SIZES["layers"]):
        linears = {"qkv": (hidden, 3 * hidden), "attention_output": (hidden, hidden)}
        linears |= {"intermediate": (hidden, wide), "output": (wide, hidden)}
        for name, (inputs, outputs) in linears.items():
            tensors |= _linear(f"layer.{layer}.{name}", inputs, outputs, precision, generator)
        norms += [f"layer.{layer}.attention_norm", f"layer.{layer}.output_norm"]
    for name in norms:
        tensors |= {f"{name}.weight": np.ones(hidden, np.float32), f"{name}.bias": np.zeros(hidden, np.float32)}
    return tensors


def _linear(name: str, inputs: int, outputs: int, precision: str, generator: np.random.Generator) -> dict[str, Array]:
    codes = generator.integers(-64, 65, (outputs, inputs), np.int8)
    bias = np.zeros(outputs, np.float32)
    if precision == "fp32":
        weight = codes.astype(np.float32) * np.float32(0.001)
        return {f"{name}.weight": _native.pack_fp32(weight), f"{name}.bias": bias}
    return {
        f"{name}.weight": _native.pack_int8(codes),
        f"{name}.scale": np.full(outputs, 0.001, np.float32),
        f"{name}.column_sum": codes.sum(axis=1, dtype=np.int32),
        f"{name}.bias": bias,
    }
