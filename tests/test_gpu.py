"""What needs a real NVIDIA GPU: the calls of the CUDA driver, and training there against training on the CPU."""

import ctypes
import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from training_data import assert_close, base, labelled, settings_for, weights, write_rows

from edgebert.errors import EngineError
from edgebert.export.train.finetune import finetune
from edgebert.export.train.loop import make_accelerator
from edgebert.export.train.watch import Silent
from edgebert.export.train.workspace import workspace_of
from edgebert.tensorrt.cuda import CudaDriver

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU here")


@pytest.fixture(autouse=True)
def on_the_gpu(monkeypatch):
    """Let accelerate choose the device anew, which conftest holds to the CPU."""
    monkeypatch.delenv("ACCELERATE_USE_CPU")
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def driver():
    driver = CudaDriver()
    driver.activate()
    yield driver
    driver.close()


def _copy(cuda: ctypes.CDLL, into: int, source: int, size: int, stream: int) -> int:
    """Put a copy between addresses of the GPU on a stream and return what the driver said of it."""
    return cuda.cuMemcpyAsync(
        ctypes.c_uint64(into), ctypes.c_uint64(source), ctypes.c_size_t(size), ctypes.c_void_p(stream)
    )


def test_the_gpu_is_the_one_that_torch_sees(driver):
    gpu, known = driver.gpu(), torch.cuda.get_device_properties(0)
    assert gpu.name == known.name
    assert gpu.compute_capability == f"{known.major}.{known.minor}"
    driver_runs, torch_needs = (tuple(map(int, version.split("."))) for version in (gpu.cuda, torch.version.cuda))
    assert driver_runs >= torch_needs


def test_the_gpu_reads_and_writes_pinned_memory_by_a_graph(driver):
    size = 1 << 20
    cuda, stream = ctypes.CDLL("libcuda.so.1"), driver.new_stream()
    source, into = driver.pinned(size), driver.pinned(size)
    assert not source.array.any() and not into.array.any()

    def enqueue() -> None:
        assert _copy(cuda, into.address, source.address, size, stream) == 0

    graph = driver.capture(stream, enqueue)
    driver.synchronize(stream)
    assert graph is not None
    assert not into.array.any(), "recording must not run"
    for seed in range(3):
        source.array[:] = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
        driver.launch(graph, stream)
        driver.synchronize(stream)
        np.testing.assert_array_equal(into.array, source.array)


def test_what_cannot_be_recorded_leaves_the_stream_usable(driver):
    cuda, stream = ctypes.CDLL("libcuda.so.1"), driver.new_stream()
    source, into = driver.pinned(64), driver.pinned(64)

    def fail() -> None:
        raise EngineError("the engine refused")

    def wait() -> None:
        cuda.cuStreamSynchronize(ctypes.c_void_p(stream))  # is not allowed while a stream is recorded

    assert driver.capture(stream, fail) is None
    assert driver.capture(stream, wait) is None
    source.array[:] = 7
    assert _copy(cuda, into.address, source.address, 64, stream) == 0
    driver.synchronize(stream)
    assert (into.array == 7).all()


def test_what_the_gpu_refuses_has_its_name(driver):
    with pytest.raises(EngineError, match=r"cuMemHostAlloc gave CUDA_ERROR_\w+"):
        driver.pinned(1 << 60)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    base(folder / "base")
    write_rows(folder / "train.jsonl", labelled(200))
    write_rows(folder / "dev.jsonl", labelled(40, seed=9))
    return folder


def test_it_is_taken_by_itself_with_bf16():
    accelerator = make_accelerator("auto")
    assert (accelerator.device.type, accelerator.mixed_precision) == ("cuda", "bf16")


def test_a_gpu_trains_as_a_cpu_does(data, tmp_path):
    finetune(settings_for(data, tmp_path / "gpu", "base", epochs=2, precision="fp32"))
    flags = ["--epochs", "2", "--learning-rate", "1e-3", "--batch-size", "8", "--output", str(tmp_path / "cpu")]
    paths = ["--train", str(data / "train.jsonl"), "--dev", str(data / "dev.jsonl"), "--model", str(data / "base")]
    subprocess.run(
        [sys.executable, "-m", "edgebert.cli", "finetune", "--task", "classify", *paths, *flags],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        check=True,
        capture_output=True,
    )
    assert_close(weights(tmp_path / "gpu"), weights(tmp_path / "cpu"), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("precision", ["auto", "bf16", "fp16"])
def test_half_precision_trains_nearly_as_full_does(data, tmp_path, precision):
    losses = []
    for name in ("fp32", precision):
        report = finetune(
            settings_for(data, tmp_path / name, "base", epochs=2, precision=name, unfreeze=2, freeze=("embeddings",))
        )
        losses.append([epoch.loss for epoch in report.kept.history.epochs])
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)
    assert losses[0] != losses[1]
    assert {value.dtype for value in weights(tmp_path / precision).values()} == {torch.float32}


class _StoppedError(Exception):
    """Ends a run from outside."""


class _Stops(Silent):
    """Ends the run in its second epoch."""

    def step(self, done: int, total: int, loss: float, texts: int) -> None:
        if done > total / 2:
            raise _StoppedError


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_run_that_broke_off_goes_on_to_the_same_weights(data, tmp_path, precision):
    finetune(settings_for(data, tmp_path / "whole", "base", epochs=2, precision=precision))
    broken = settings_for(data, tmp_path / "broken", "base", epochs=2, precision=precision)
    with pytest.raises(_StoppedError):
        finetune(broken, _Stops())
    assert list(workspace_of(broken.output).glob("seed-0/state-*.pt"))
    finetune(dataclasses.replace(broken, resume=True))
    assert_close(weights(tmp_path / "broken"), weights(tmp_path / "whole"), rtol=1e-2, atol=1e-3)
