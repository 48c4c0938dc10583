"""Model files are safetensors: what goes in comes out, aligned, with a checksum."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgebert.container import pack, unpack


@given(
    st.dictionaries(
        st.from_regex(r"[a-z.]{1,10}", fullmatch=True),
        hnp.arrays(st.sampled_from([np.int8, np.uint8, np.int32, np.int64, np.float32]), hnp.array_shapes(min_side=0)),
        max_size=5,
    ),
    st.dictionaries(st.text(), st.text(), max_size=3),
)
def test_a_container_holds_what_was_put_in(tensors, metadata):
    tensors = {f"t{name}": values for name, values in tensors.items()}
    content = pack(tensors, metadata)
    assert content == pack(tensors, metadata)
    found, settings = unpack(content)
    assert settings.pop("edgebert.crc32c") == f"{crc(content):08x}"
    settings.pop("edgebert.crc32c", None)
    metadata.pop("edgebert.crc32c", None)
    assert settings == metadata
    assert list(found) == list(tensors)
    for name, values in tensors.items():
        assert found[name].dtype == values.dtype
        assert found[name].tobytes() == values.tobytes() and found[name].shape == values.shape


def crc(content):
    """CRC-32C bit by bit over a file with the digits of its checksum as zeros."""
    at = content.index(b'"edgebert.crc32c":"') + 19
    value = 0xFFFFFFFF
    for byte in content[:at] + b"00000000" + content[at + 8 :]:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF
