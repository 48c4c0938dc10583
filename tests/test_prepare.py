"""The life of an engine: built, checked, raced, kept; whatever goes wrong ends in a working device or in one line."""

import dataclasses
import errno
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorrt_bundles
from conftest import reseal

from edgebert.bundle import BASELINE, PLAN, open_bundle
from edgebert.device import this_device
from edgebert.errors import EdgebertError, EngineUnavailableError
from edgebert.files import write_json
from edgebert.prepare import Options, Prepared, life, prepare, resources
from edgebert.prepare.stages import Stage, Step
from edgebert.tensorrt.cuda import Gpu
from edgebert.tensorrt.progress import PhaseTree
from edgebert.tensorrt.store import Identity, Slot, identify, read_timings

Run = Callable[..., Prepared]
PREPARE = "import sys; from pathlib import Path; from edgebert.prepare import Options, prepare; "
PREPARE += "prepare(Path(sys.argv[1]), Options(library=sys.argv[2]))"


@pytest.fixture
def device(fake_gpu: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """This process on a device with a GPU and TensorRT; call it to change how they behave."""
    for name in ("LD_LIBRARY_PATH", "PYTHONPATH"):
        monkeypatch.setenv(name, fake_gpu[name])
    monkeypatch.setenv("EDGEBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_TENSORRT_LOG", str(tmp_path / "builds"))

    def change(**variables: str) -> None:
        for name in ("FAIL", "VERSION", "SECONDS"):
            monkeypatch.delenv(f"FAKE_TENSORRT_{name}", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(f"FAKE_TENSORRT_{name.upper()}", value)

    return change


@pytest.fixture
def builds(tmp_path: Path) -> Callable[[], list[str]]:
    """A function that returns the precisions that were built since it was called last."""
    log = tmp_path / "builds"

    def read() -> list[str]:
        lines = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    return read


@pytest.fixture
def own_jetson(jetson_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(jetson_bundle, tmp_path / "own.bundle"))


@pytest.fixture(scope="module")
def slim_jetson(jetson_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose plan has INT8 alone: one build, no race."""
    folder = Path(shutil.copytree(jetson_bundle, tmp_path_factory.mktemp("slim") / "slim.bundle"))
    return replan(folder, reseal, models={"int8": tensorrt_bundles.INT8})


def replan(bundle: Path, seal: Callable[[Path], None], **changes: object) -> Path:
    """Give a bundle another plan."""
    write_json(bundle / PLAN, dataclasses.replace(tensorrt_bundles.BUILD_PLAN, **changes).to_json())
    seal(bundle)
    return bundle


def files(found: Prepared) -> list[str]:
    return sorted(path.name for path in Path(found.engine).parent.iterdir())


def fails(bundle: Path, kind: type[EdgebertError] = EdgebertError, **options: object) -> str:
    with pytest.raises(kind) as caught:
        prepare(bundle, Options(**options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def head(engine: str) -> dict:
    return json.loads(Path(engine).read_bytes().partition(b"\n")[0])


def test_the_faster_of_two_right_engines_is_kept(jetson_bundle: Path, device, builds) -> None:
    device(fail="slow:fp16")
    found = prepare(jetson_bundle)
    assert (found.precision, found.was_ready) == ("int8", False)
    assert found.golden["int8"] == pytest.approx(0, abs=1e-6)
    assert 0 < found.golden["fp16"] < 0.02
    assert found.race["int8"] < found.race["fp16"]
    assert found.identity["tensorrt"] == "10.3.0.30" and found.identity["compute_capability"] == "8.7"
    assert files(found) == ["int8.engine", "int8.json", "lock", "record.json"]
    assert builds() == ["int8", "fp16"]
    again = prepare(jetson_bundle)
    assert again == dataclasses.replace(found, was_ready=True) and builds() == []
    device(fail="slow:int8")
    other = prepare(jetson_bundle, Options(rebuild=True))
    assert other.precision == "fp16" and files(other) == ["fp16.engine", "fp16.json", "lock", "record.json"]
    assert builds() == ["int8", "fp16"]


@pytest.mark.parametrize("way", ["wrong", "nan"])
def test_an_engine_with_wrong_answers_is_not_kept(jetson_bundle: Path, device, builds, way: str) -> None:
    device(fail=way)
    assert fails(jetson_bundle).startswith("no TensorRT engine gives the golden answers (int8: ")
    assert builds() == ["int8", "fp16"]
    # what was built is whole, only its answers were wrong: the next try does not build again
    device(fail=f"{way}:int8")
    found = prepare(jetson_bundle)
    assert (found.precision, list(found.race), found.was_ready) == ("fp16", ["fp16"], False) and builds() == []
    assert ("expected" if way == "wrong" else "not a finite number") in found.golden["int8"]


def test_a_slim_bundle_skips_the_race_and_says_so(slim_jetson: Path, device, builds) -> None:
    found = prepare(slim_jetson)
    assert found.race == "not run: the bundle holds one model, it is slim"
    assert found.golden["int8"] < 1e-6 and builds() == ["int8"]


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("crash:int8", "the process for TensorRT crashed with SIGSEGV"),
        ("memory", "the process for TensorRT was killed, most likely for lack of memory: stop other programs"),
        ("null:int8", "cannot build model.onnx: Error Code 10: could not find any implementation for node x"),
        (
            "start",
            "does not start, CUDA initialization failure with error: 35: is the NVIDIA driver loaded",
        ),
        (
            "context",
            "no TensorRT engine gives the golden answers (int8: TensorRT cannot make an execution context: there",
        ),
    ],
)
def test_a_failure_of_tensorrt_is_one_line(slim_jetson: Path, device, way: str, message: str) -> None:
    device(fail=way)
    assert message in fails(slim_jetson)
    device()
    assert prepare(slim_jetson).precision == "int8"


def test_timings_are_shared_and_a_build_that_they_crash_is_tried_without(slim_jetson: Path, device, builds) -> None:
    prepare(slim_jetson)
    (timings,) = Path(os.environ["EDGEBERT_CACHE"]).glob("timings-*")
    assert read_timings(timings) == b"timings"
    builds()
    device(fail="timings")
    prepare(slim_jetson, Options(rebuild=True))
    assert builds() == ["int8", "int8"]


def test_a_graph_that_is_none_is_refused_in_a_line(own_jetson: Path, seal, device) -> None:
    (own_jetson / "model.onnx").write_bytes(b"nonsense")
    seal(own_jetson)
    assert "does not accept model.onnx: In node 0: this is no graph" in fails(own_jetson)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "11.4.1"}, "TensorRT 11.4.1 is too new, this bundle is for TensorRT from 8.6 to below 11.0"),
        ({"version": "8.5.2.2"}, "TensorRT 8.5.2.2 is too old"),
    ],
)
def test_a_version_that_does_not_fit(slim_jetson: Path, device, change: dict[str, str], message: str) -> None:
    device(**change)
    assert message in fails(slim_jetson, EngineUnavailableError)


def test_no_gpu_no_tensorrt_old_jetpack(slim_jetson: Path, device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_CUDA_NONE", "1")
    assert "there is no NVIDIA GPU here, or no driver" in fails(slim_jetson)
    monkeypatch.setenv("PYTHONPATH", "")
    assert "tensorrt is not installed" in fails(slim_jetson)
    old = dataclasses.replace(this_device(), jetpack="4.6", l4t="32.7.1")
    monkeypatch.setattr(life, "this_device", lambda: old)
    assert "JetPack 4.6 (L4T 32.7.1) is not supported" in fails(slim_jetson)


def test_a_bundle_for_a_cpu_is_refused(embed_bundle: Path) -> None:
    assert "export it with --target jetson" in fails(embed_bundle)


def test_memory_bounds_the_workspace_and_then_the_build(
    slim_jetson: Path, device, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = open_bundle(slim_jetson).manifest.files["model.onnx"].bytes
    needed = 300_000_000 + 5 * size
    machine = dataclasses.replace(this_device(), memory_limit_bytes=None)
    assert resources.workspace_for(dataclasses.replace(machine, memory_available_bytes=None), size, 7) == 7
    tight = dataclasses.replace(machine, memory_available_bytes=needed + (65 << 20))
    assert resources.workspace_for(tight, size, 1 << 30) == 65 << 20
    limited = dataclasses.replace(machine, memory_available_bytes=1 << 40, memory_limit_bytes=needed + (66 << 20))
    assert resources.workspace_for(limited, size, 1 << 30) == 66 << 20
    monkeypatch.setattr(life, "this_device", lambda: dataclasses.replace(tight, memory_available_bytes=200_000_000))
    assert "building takes about 0.3 GB of memory, 0.2 GB is free" in fails(slim_jetson)
    monkeypatch.setattr(life, "this_device", lambda: machine)
    assert head(prepare(slim_jetson, Options(workspace_bytes=1 << 20)).engine)["workspace"] == 1 << 20


def test_a_full_disk_is_found_before_the_build(slim_jetson: Path, device, builds, monkeypatch) -> None:
    status = os.statvfs(slim_jetson)
    monkeypatch.setattr(resources.os, "statvfs", lambda folder: os.statvfs_result((*status[:3], 1, 1, *status[5:])))
    assert "an engine takes about 0.00 GB" in fails(slim_jetson) and builds() == []


def test_a_cache_that_cannot_be_written(slim_jetson: Path, device, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    message = fails(slim_jetson, cache=tmp_path / "file")
    assert "Not a directory: pass --cache DIR on a disk with room, and set EDGEBERT_CACHE" in message
    found = prepare(slim_jetson)

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    # a file system that is read-only by now is enough for an engine that is there
    assert prepare(slim_jetson) == dataclasses.replace(found, was_ready=True)
    assert "Read-only file system: pass --cache DIR" in fails(slim_jetson, rebuild=True)


def test_every_flipped_byte_is_found(slim_jetson: Path, device, builds) -> None:
    device(fail="slow:fp16")
    found = prepare(slim_jetson)
    folder, generator = Path(found.engine).parent, random.Random(0)
    rebuilt = {"int8.engine": ["int8"], "record.json": [], "int8.json": []}
    for name in rebuilt:
        builds()
        path = folder / name
        content = bytearray(path.read_bytes())
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        path.write_bytes(bytes(content))
        damaged = Slot(folder).prepared() is None
        # the note speaks of the engine while there is no record; the record does afterwards
        assert damaged == (name != "int8.json")
        assert prepare(slim_jetson).precision == "int8"
        assert Slot(folder).prepared() is not None
        assert builds() == rebuilt[name]
    (timings,) = folder.parent.glob("timings-*")
    content = bytearray(timings.read_bytes())
    content[-1] ^= 1
    timings.write_bytes(bytes(content))
    assert read_timings(timings) == b""
    prepare(slim_jetson, Options(rebuild=True))
    assert read_timings(timings) == b"timings"


def test_pruning_leaves_this_engine_and_those_that_are_being_built(slim_jetson: Path, device, tmp_path: Path) -> None:
    old = Path(prepare(slim_jetson).engine).parent
    device(version="10.4.0")
    new = Path(prepare(slim_jetson).engine).parent
    busy, foreign = old.parent / ("0" * 32), old.parent / "photos"
    for folder in (busy, foreign):
        folder.mkdir()
        (folder / "lock").write_text("")
    with (busy / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert prepare(slim_jetson, Options(prune=True)).was_ready
    assert {path.name for path in old.parent.iterdir() if path.is_dir()} == {new.name, busy.name, "photos"}


def test_two_processes_build_once(slim_jetson: Path, device, builds) -> None:
    device(seconds="0.5")
    command = [sys.executable, "-c", PREPARE, str(slim_jetson), "tensorrt"]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert builds() == ["int8"]


def test_who_waits_for_another_process_says_so(slim_jetson: Path, device) -> None:
    stages = []
    folder = Path(prepare(slim_jetson).engine).parent
    program = "import sys; from pathlib import Path; from edgebert.prepare.lock import locked\n"
    program += "with locked(Path(sys.argv[1]), lambda: None):\n    print(flush=True)\n    sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout is not None and holder.stdin is not None and holder.stdout.readline()

        def let_go_when_asked(step: Step) -> None:
            stages.append(step.stage)
            holder.stdin.close()

        prepare(slim_jetson, Options(rebuild=True), let_go_when_asked)
    assert stages[:2] == ["waiting for another process", "building the INT8 engine"]


def workers(cache: str) -> list[int]:
    """The processes that have this cache in their environment."""
    mark = f"EDGEBERT_CACHE={cache}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def expect_no_workers(cache: Path) -> None:
    """Nobody goes on writing; a process that had just begun notices a little later that it is alone."""
    deadline = time.monotonic() + 10
    while workers(str(cache)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert workers(str(cache)) == []


def kill_and_finish(bundle: Path, cache: Path, library: str, kills: int, generator: random.Random) -> int:
    """Kill preparations at random moments, then let one end; return how many were killed before they had ended."""
    environment = {**os.environ, "EDGEBERT_CACHE": str(cache)}
    command = [sys.executable, "-c", PREPARE, str(bundle), library]
    begin = time.monotonic()
    subprocess.run(command, env=environment, check=True, timeout=60)
    whole = time.monotonic() - begin
    killed = 0
    for number in range(kills):
        if number % 4 == 0 or slot_of(cache).prepared() is not None:
            shutil.rmtree(cache, ignore_errors=True)  # else the next one goes on with what this one finished
        process = subprocess.Popen(command, env=environment)
        time.sleep(generator.uniform(0.05, 1) * whole)
        killed += process.poll() is None
        process.kill()
        process.wait()
        expect_no_workers(cache)
    subprocess.run(command, env=environment, check=True, timeout=60)
    found = slot_of(cache).prepared()
    assert found is not None
    left = sorted(path.name for path in found[0].parent.iterdir())
    assert left == [f"{found[0].stem}.engine", f"{found[0].stem}.json", "lock", "record.json"]
    return killed


def slot_of(cache: Path) -> Slot:
    folders = [path for path in cache.iterdir() if path.is_dir()] if cache.exists() else []
    return Slot(folders[0] if folders else cache / "none")


def test_sigkill_at_twenty_random_moments(jetson_bundle: Path, device, tmp_path: Path) -> None:
    device(seconds="0.2")
    assert kill_and_finish(jetson_bundle, tmp_path / "cache", "tensorrt", 20, random.Random(7)) >= 12


def test_the_real_builder_of_tensorrt_rtx(jetson_bundle: Path, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("tensorrt_rtx", reason="the extra tensorrt-check is not installed")
    cache = tmp_path / "cache"
    assert kill_and_finish(jetson_bundle, cache, "tensorrt_rtx", 4, random.Random(3)) >= 2
    steps: list[Step] = []
    monkeypatch.setenv("EDGEBERT_CACHE", str(cache))
    options = Options(library="tensorrt_rtx")
    found = prepare(jetson_bundle, options)
    assert found.was_ready and found.race == "not run: no GPU" and set(found.golden.values()) == {"not run: no GPU"}
    content = bytearray(Path(found.engine).read_bytes())
    content[len(content) // 2] ^= 0x10
    Path(found.engine).write_bytes(bytes(content))
    again = prepare(jetson_bundle, options, steps.append)
    assert not again.was_ready and len(Path(again.engine).read_bytes()) == len(content)
    assert any(step.part is not None and step.part > 0.5 for step in steps)
    assert not fails(jetson_bundle).startswith("this is a bug")


STRONG = {"int8": dataclasses.replace(tensorrt_bundles.INT8, flags={10: ("strongly_typed",), 11: ("strongly_typed",)})}


@pytest.mark.parametrize(
    ("version", "changes", "network", "flags"),
    [
        ("8.6.2.3", {}, 1, ["INT8", "FP16"]),
        ("10.3.0", {}, 0, ["INT8", "FP16"]),
        ("10.13.3", {"models": STRONG}, 2, []),
        ("11.4.1", {"models": STRONG}, 2, []),
    ],
)
def test_each_version_gets_its_flags(
    own_jetson: Path, seal, device, version: str, changes: dict, network: int, flags: list[str]
) -> None:
    below = tensorrt_bundles.Version(12, 0)
    bundle = replan(own_jetson, seal, below=below, models=changes.get("models", {"int8": tensorrt_bundles.INT8}))
    device(version=version)
    engine = head(prepare(bundle).engine)
    assert (engine["network"], engine["flags"]) == (network, flags)
    shapes = [[1, 4], [2, 8], [1, 16]]
    names = ("input_ids", "attention_mask", "token_type_ids")
    assert engine["profiles"] == [dict.fromkeys(names, shape) for shape in shapes]


def test_progress_has_an_estimate_also_where_tensorrt_says_nothing(
    jetson_bundle: Path, slim_jetson: Path, device
) -> None:
    steps: list[Step] = []
    device(version="8.6.1", seconds="1.2")
    prepare(jetson_bundle, Options(), steps.append)
    first = [step for step in steps if step.stage == "building the INT8 engine"]
    second = [step for step in steps if step.stage == "building the FP16 engine"]
    assert all(step.part is None and step.seconds_left is None for step in first) and len(first) >= 2
    assert second[0].seconds_left == pytest.approx(1.2, abs=1)
    device(version="10.3", seconds="0.3")
    steps.clear()
    prepare(slim_jetson, Options(), steps.append)
    parts = [step.part for step in steps if step.stage == "building the INT8 engine" and step.part is not None]
    assert parts == sorted(parts) and parts[-1] == 1.0 and len(parts) >= 10


def test_an_estimate_follows_the_speed_of_the_stage() -> None:
    now, steps = [0.0], []
    stage = Stage("building", steps.append, usual=60.0, clock=lambda: now[0])
    now[0] = 10.0
    stage.tell(0.01)
    now[0] = 20.0
    stage.tell(0.25)
    now[0] = 30.0
    stage.tell(None)
    assert [step.seconds_left for step in steps] == [60.0, 50.0, pytest.approx(60.0), pytest.approx(90.0)]


def test_phases_inside_phases_are_one_number_that_never_falls() -> None:
    parts: list[float] = []
    tree = PhaseTree(parts.append)
    tree.start("build", None, 2)
    tree.start("tactics", "build", 4)
    for step in range(4):
        tree.step("tactics", step)
    tree.finish("tactics")
    tree.step("build", 0)
    tree.start("more", "build", 1)
    tree.step("more", 0)
    tree.step("unknown", 3)
    tree.finish("more")
    tree.step("build", 1)
    assert parts == [0.125, 0.25, 0.375, 0.5, 1.0]


def test_a_key_changes_with_everything_that_an_engine_depends_on(jetson_bundle: Path, own_jetson: Path, seal) -> None:
    gpu, machine = Gpu("Orin", "8.7", "12.6"), dataclasses.replace(this_device(), board="Orin NX", driver="540.4.0")
    identity = identify("tensorrt", "10.3.0", gpu, machine)
    assert identity == Identity("tensorrt", "10.3.0", "12.6", "540.4.0", "8.7", "Orin NX, Orin")
    bundle, plan = open_bundle(jetson_bundle), tensorrt_bundles.BUILD_PLAN
    keys = [identity.key(bundle, plan)]
    for field in dataclasses.fields(Identity):
        keys.append(dataclasses.replace(identity, **{field.name: "another"}).key(bundle, plan))
    keys.append(identity.key(open_bundle(replan(own_jetson, seal, workspace_bytes=1 << 20)), plan))
    (own_jetson / "model.onnx").write_bytes((own_jetson / BASELINE).read_bytes())
    seal(own_jetson)
    keys.append(identity.key(open_bundle(own_jetson), plan))
    assert len(set(keys)) == len(keys)
    assert identity.key(bundle, plan) == keys[0]


def test_verb(jetson_bundle: Path, device, run, tmp_path: Path) -> None:
    device(fail="slow:fp16")
    done = run("prepare", jetson_bundle)
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("engine  INT8, ") and lines[1].startswith("golden  INT8: largest difference")
    assert lines[3].startswith("race    INT8 ") and "building the INT8 engine" in done.stderr.decode()
    other = run("prepare", jetson_bundle, "--cache", tmp_path / "other", "--json", "--quiet")
    assert json.loads(other.stdout)["precision"] == "int8" and other.stderr == b""
    told = run("prepare", jetson_bundle, "--cache", tmp_path / "other")
    assert f"set EDGEBERT_CACHE={tmp_path / 'other'}" in told.stderr.decode()
    assert "was ready" in told.stdout.decode()


def test_sigterm_ends_the_build_too(slim_jetson: Path, device, tmp_path: Path) -> None:
    device(seconds="30")
    command = [sys.executable, "-m", "edgebert.cli", "prepare", str(slim_jetson)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert process.stderr is not None and b"building the INT8" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    expect_no_workers(tmp_path / "cache")
