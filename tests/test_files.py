"""Files appear whole or not at all, and JSON from outside is read within bounds."""

import hashlib
import mmap
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebert.errors import BundleError, InputError
from edgebert.files import flush, new_file, new_folder, read_into_large_pages, read_json, sha256_of, write_json


def test_a_new_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with new_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failed_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"), new_file(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_new_file_has_the_permissions_of_the_process(tmp_path: Path) -> None:
    with new_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("")
    plain = tmp_path / "b.txt"
    plain.write_text("")
    assert (tmp_path / "a.txt").stat().st_mode == plain.stat().st_mode


def test_a_new_folder_replaces_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a"
    with new_folder(path, replace=False) as temporary:
        (temporary / "file").write_text("old")
    with pytest.raises(InputError, match="--force"), new_folder(path, replace=False):
        pass
    with new_folder(path, replace=True) as temporary:
        (temporary / "file").write_text("new")
    assert (path / "file").read_text() == "new"
    assert os.listdir(path.parent) == ["a"]


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.mkdir()
    (path / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt), new_folder(path, replace=True) as temporary:
        (temporary / "file").write_text("half")
        raise KeyboardInterrupt
    assert (path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(InputError, match="is a file, not a folder"), new_folder(tmp_path / "a", replace=True):
        pass


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_a_killed_writer_leaves_no_half_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.txt"
    program = (
        "import sys, time; from pathlib import Path; from edgebert.files import new_file\n"
        "with new_file(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); print('writing', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        writer.send_signal(getattr(signal, name))
        assert writer.wait(timeout=30) != 0
    assert not path.exists()
    if name == "SIGINT":
        assert os.listdir(tmp_path) == []


def test_json_is_the_same_bytes_for_the_same_content(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"b": 1.5, "a": "é"})
    write_json(tmp_path / "b", {"a": "é", "b": 1.5})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_json(tmp_path / "a", 100) == {"a": "é", "b": 1.5}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not valid JSON"),
        (b"\xff", "is not valid JSON"),
        (b"[" * 200_000, "is not valid JSON"),
        (b"NaN", "NaN is not a number of JSON"),
        (b"-Infinity", "-Infinity is not a number of JSON"),
        (b'"\\ud800"', "is not valid JSON"),
        (b"1" * 300_001, "more than the 300000 bytes"),
        (b"1" * 5_000, "is not valid JSON|^$"),
    ],
)
def test_bad_json_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    if content == b"1" * 5_000 and not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python reads integers of any length")
    with pytest.raises(BundleError, match=message) as caught:
        read_json(tmp_path / "a.json", 300_000)
    assert "\n" not in str(caught.value)


def test_json_of_both_halves_of_a_pair_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'"\\ud83d\\ude00"')
    assert read_json(tmp_path / "a.json", 100) == "\U0001f600"


def test_json_that_never_ends_is_not_read(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(BundleError, match="more than the 1000 bytes"):
        read_json(Path("/dev/zero"), 1000)
    assert time.monotonic() - began < 30


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_empty_file_has_a_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"").hexdigest()


def test_a_digest_leaves_a_file_in_large_pages(tmp_path: Path) -> None:
    for name in ("alone", "digested"):
        (tmp_path / name).write_bytes(os.urandom(8 << 20))
    flush(tmp_path)
    if not large_pages(tmp_path / "alone"):
        pytest.skip("this system maps no file of this folder in pages of 2 MiB")
    read_into_large_pages(tmp_path / "digested")
    sha256_of(tmp_path / "digested")
    assert large_pages(tmp_path / "digested") > 0


def large_pages(path: Path) -> int:
    """Return how much of a file Linux maps in pages of 2 MiB when it is asked to, in KiB."""
    maps = Path("/proc/self/smaps")
    if not hasattr(mmap, "MADV_HUGEPAGE") or not maps.exists():
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as mapped:
        try:
            mapped.madvise(mmap.MADV_HUGEPAGE)
        except OSError:
            return 0
        for place in range(0, len(mapped), mmap.PAGESIZE):
            mapped[place]
        entry = maps.read_text(encoding="utf-8").partition(str(path))[2]
    found = re.search(r"FilePmdMapped: +(\d+) kB", entry)
    return int(found[1]) if found else 0
