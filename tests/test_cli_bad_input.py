"""Whatever goes wrong on the command line is one line on stderr and an exit code, and leaves nothing half-written."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebert.bundle import MANIFEST, MODEL
from edgebert.cli.vector_files import JsonlVectors

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def _fails(found: "subprocess.CompletedProcess[bytes]", code: int, message: str) -> None:
    """Assert one line on stderr, nothing on stdout, and the exit code."""
    said = found.stderr.decode()
    assert found.returncode == code, said
    assert found.stdout == b""
    assert said.startswith("edgebert: ")
    assert said.count("\n") == 1
    assert said.endswith("\n")
    assert message in said


def test_verify_fails_with_the_first_difference(run: Run, own_bundle: Path, seal: Callable[[Path], None]) -> None:
    golden = json.loads((own_bundle / "golden.json").read_text())
    golden["outputs"]["onnxruntime"][0][0] += 1
    (own_bundle / "golden.json").write_text(json.dumps(golden))
    seal(own_bundle)
    _fails(run("verify", own_bundle), 1, "text 0, output 0 is")


def test_an_error_shows_no_control_characters(run: Run, own_bundle: Path) -> None:
    document = json.loads((own_bundle / MANIFEST).read_text())
    document["engines"] = ["\x1b]0;evil\x07\n"]
    (own_bundle / MANIFEST).write_text(json.dumps(document))
    _fails(run("embed", own_bundle, "stop"), 1, "\\x1b]0;evil\\x07\\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a verb"),
        (["sing"], "no such command"),
        (["embed"], "missing argument 'BUNDLE'"),
        (["embed", "BUNDLE", "stop", "--file", "a.txt"], "texts and --file were given"),
        (["embed", "BUNDLE", "stop", "--wrong"], "no such option"),
        (["embed", "BUNDLE", "stop", "--batch-size", "0"], "--batch-size"),
        (["embed", "BUNDLE", "stop", "--batch-size", "many"], "--batch-size"),
        (["embed", "BUNDLE", "stop", "--threads", "0"], "--threads"),
        (["embed", "BUNDLE", "stop", "--format", "parquet"], "--format"),
        (["embed", "BUNDLE", "stop", "--output", "a.parquet"], "a.parquet ends with none of .jsonl, .csv, .npy"),
        (["embed", "BUNDLE", "stop", "--long-texts", "all"], "--long-texts"),
        (["classify", "BUNDLE", "stop", "--top-k", "0"], "--top-k is '0'"),
        (["classify", "BUNDLE", "stop", "--top-k", "several"], "--top-k is 'several'"),
        (["classify", "BUNDLE", "stop", "--min-score", "2"], "--min-score"),
        (["classify", "BUNDLE", "stop", "--output", "a.npy"], "a.npy ends with none of .jsonl, .csv"),
    ],
)
def test_wrong_usage_exits_with_2(run: Run, embed_bundle: Path, arguments: list[str], message: str) -> None:
    _fails(run(*(embed_bundle if argument == "BUNDLE" else argument for argument in arguments)), 2, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["embed", "none.bundle", "stop"], "there is no bundle at none.bundle"),
        (["inspect", "none.bundle"], "there is no bundle at none.bundle"),
        (["verify", "none.bundle"], "there is no bundle at none.bundle"),
        (["embed", "/", "stop"], "is not a bundle"),
        (["embed", "BUNDLE", "-f", "none.txt"], "cannot read none.txt: No such file"),
        (["embed", "BUNDLE", "-f", "/"], "cannot read /"),
        (["embed", "BUNDLE", "stop", "--engine", "tpu"], "there is no engine 'tpu'"),
        (["embed", "BUNDLE", "stop", "--truncate-dim", "9"], "truncate_dim is 9"),
        (["embed", "BUNDLE", "stop", "-o", "none/a.npy"], "cannot write none/a.npy: No such file"),
        (["embed", "BUNDLE", "stop", "-o", "/"], "cannot write /"),
        (["embed", "BUNDLE", "stop", "-o", "/dev/full"], "cannot write /dev/full: No space left"),
        (["embed", "BUNDLE", "stop", "--format", "npy", "-o", "/dev/full"], "cannot write /dev/full: No space left"),
        (["embed", "BUNDLE"], "the input holds no text"),
        (["embed", "BUNDLE", "a\ud800"], "text 1 of the command line is not UTF-8"),
        (["classify", "BUNDLE", "stop"], "gives vectors, it has no labels: use `edgebert embed`"),
    ],
)
def test_failures_exit_with_1(run: Run, embed_bundle: Path, arguments: list[str], message: str) -> None:
    _fails(run(*(embed_bundle if argument == "BUNDLE" else argument for argument in arguments)), 1, message)


def test_embed_needs_an_encoder(run: Run, classify_bundle: Path) -> None:
    _fails(run("embed", classify_bundle, "stop"), 1, "it gives no vectors: use `edgebert classify`")


def test_a_damaged_bundle_is_one_line(run: Run, own_bundle: Path) -> None:
    (own_bundle / MODEL).write_bytes(b"short")
    for arguments in (["embed", own_bundle, "stop"], ["verify", own_bundle]):
        _fails(run(*arguments), 1, "model.onnx has 5 bytes, the manifest says")


def test_a_bad_line_is_named_and_leaves_no_output(run: Run, embed_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "a"}\n' * 600 + b"{\n")
    output = tmp_path / "out.npy"
    output.write_bytes(b"old")
    _fails(run("embed", embed_bundle, "-f", tmp_path / "a.jsonl", "-o", output), 1, "a.jsonl:601: not valid JSON")
    assert output.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "out.npy"]


def test_a_full_disk_leaves_no_output(
    run: Run, embed_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(JsonlVectors, "write", full)
    _fails(run("embed", embed_bundle, "stop", "-o", tmp_path / "out.jsonl"), 1, "out.jsonl: No space left on device")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 1, "not enough memory"),
        (PermissionError(13, "Permission denied", "/x"), 1, "Permission denied: /x"),
        (ZeroDivisionError("division\nby zero"), 1, "this is a bug of edgebert"),
    ],
)
def test_whatever_happens_is_one_line(
    run: Run, embed_bundle: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, message: str
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(sys.modules["edgebert.cli.loading"], "load", fail)
    _fails(run("embed", embed_bundle, "stop"), code, message)


def test_a_signal_removes_what_is_not_finished(embed_bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-m", "edgebert.cli", "embed", str(embed_bundle), "-o", str(tmp_path / "out.csv")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not os.listdir(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert os.listdir(tmp_path) != ["out.csv"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert os.listdir(tmp_path) == []


def test_a_closed_pipe_is_one_line(run_cli: Run, embed_bundle: Path) -> None:
    command = [sys.executable, "-I", "-m", "edgebert.cli", "embed", str(embed_bundle), "stop"]
    read, write = os.pipe()
    os.close(read)
    found = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (found.returncode, found.stderr) == (1, b"edgebert: cannot write stdout: Broken pipe\n")


def test_debug_shows_where_it_failed(run_cli: Run) -> None:
    found = run_cli("--debug", "embed", "none.bundle", "stop")
    assert found.returncode == 1
    assert found.stderr.startswith(b"Traceback")
    assert b"BundleError: there is no bundle at none.bundle" in found.stderr
