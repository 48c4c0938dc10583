"""The container of a model file: safetensors with aligned tensors and a checksum."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebert import _native

Array = npt.NDArray[np.generic]
Checksum = Callable[[bytes], int]

_ALIGNMENT = 64  # bytes: a line of the cache, and the widest vector
_CHECKSUM = "edgebert.crc32c"
_PADDING = "padding."
_TYPES = {"I8": np.int8, "U8": np.uint8, "I32": np.int32, "U32": np.uint32, "I64": np.int64, "F32": np.float32}
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}


def pack(tensors: Mapping[str, Array], metadata: Mapping[str, str], checksum: Checksum = _native.crc32c) -> bytes:
    """Return the bytes of a safetensors file; the same content gives the same bytes.

    Every tensor begins at a multiple of 64 bytes of the file. The format forbids holes, so tensors named ``padding.N``
    fill them. The setting ``edgebert.crc32c`` is the CRC-32C of the whole file with its own digits as zeros.

    Args:
        tensors: by name, written in this order.
        metadata: settings; ``edgebert.crc32c`` is added.
        checksum: CRC-32C of bytes.
    """
    header: dict[str, object] = {"__metadata__": dict(sorted({**metadata, _CHECKSUM: "0" * 8}.items()))}
    pieces: list[bytes] = []
    end = 0
    for number, (name, values) in enumerate(tensors.items()):
        gap = -values.nbytes % _ALIGNMENT
        header[name] = _entry(_NAMES[values.dtype], values.shape, end, values.nbytes)
        if gap:
            header[f"{_PADDING}{number}"] = _entry("U8", (gap,), end + values.nbytes, gap)
        pieces += [np.ascontiguousarray(values).tobytes(), bytes(gap)]
        end += values.nbytes + gap
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-(len(text) + 8) % _ALIGNMENT)
    blank = b"".join([len(text).to_bytes(8, "little"), text, *pieces])
    at = blank.index(f'"{_CHECKSUM}":"'.encode()) + len(_CHECKSUM) + 4
    return b"".join([blank[:at], f"{checksum(blank):08x}".encode(), blank[at + 8 :]])


def unpack(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the tensors, without padding, and the metadata of a file that this project wrote."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {
        name: _tensor(content, 8 + size, entry) for name, entry in header.items() if not name.startswith(_PADDING)
    }
    return tensors, metadata


def _entry(kind: str, shape: tuple[int, ...], start: int, size: int) -> dict[str, object]:
    return {"dtype": kind, "shape": list(shape), "data_offsets": [start, start + size]}


def _tensor(content: bytes, base: int, entry: Mapping[str, Any]) -> Array:
    start, end = entry["data_offsets"]
    values: Array = np.frombuffer(content[base + start : base + end], np.dtype(_TYPES[entry["dtype"]]))
    shaped: Array = values.reshape(entry["shape"])
    return shaped
