"""Reading and writing files so that nothing is half-written and nothing hostile is trusted."""

import contextlib
import hashlib
import json
import mmap
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgebert.errors import BundleError, InputError

_CHUNK = 1 << 20  # bytes
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits, reading it in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_into_large_pages(path: Path) -> None:
    """Have Linux read a file that is not in the page cache into pages of 2 MiB.

    Models run faster from them, and reading a file without having asked for them brings it into small pages, where it
    stays. A system that cannot says so, and nothing is lost.
    """
    populate_read = 22  # MADV_POPULATE_READ, which mmap does not name
    if not hasattr(mmap, "MADV_HUGEPAGE") or path.stat().st_size == 0:
        return
    with (
        path.open("rb") as file,
        contextlib.suppress(OSError),
        mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as mapped,
    ):
        mapped.madvise(mmap.MADV_HUGEPAGE)
        mapped.madvise(populate_read)


def read_json(path: Path, max_bytes: int) -> object:
    """Parse a JSON file of a bundle.

    Raises:
        BundleError: the file is missing, larger than ``max_bytes``, not UTF-8 or not JSON.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}") from error
    if len(raw) > max_bytes:
        raise BundleError(
            f"{path} has more than the {max_bytes} bytes that such a file may have: export the bundle again"
        )
    try:
        document: object = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        if _SURROGATE.search(raw):  # a half of a pair cannot be written as UTF-8
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not valid JSON: {error}") from error
    return document


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number of JSON")


def write_json(path: Path, document: object) -> None:
    """Write a document as UTF-8 JSON that is the same bytes for the same content."""
    text = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block ends well, else delete it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path, replace: bool) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; rename it to ``path`` when the block ends well, else delete it.

    Raises:
        InputError: ``path`` exists and ``replace`` is false, or it cannot be a folder there.
    """
    if path.exists() and not replace:
        raise InputError(f"{path} exists: choose another output or pass --force to replace it")
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file, not a folder: choose another output")
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        put_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def flush(folder: Path) -> None:
    """Bring the files of a folder to the disk, and let the page cache go of them.

    A power cut after a rename then leaves whole files, and Linux reads a file that is opened next into large pages,
    which models run faster from; just written ones stay in small pages.
    """
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def put_folder(new: Path, old: Path) -> None:
    """Put the folder ``new`` where ``old`` is, or would be; ``old`` comes back when that fails."""
    if not old.exists():
        new.rename(old)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{old.name}.", dir=old.parent))
    old.rename(aside / old.name)
    try:
        new.rename(old)
    except BaseException:
        (aside / old.name).rename(old)
        raise
    finally:
        if old.exists():
            shutil.rmtree(aside, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
