"""Read a graph that may be hostile, so that the rules need not distrust its references."""

import os
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from edgebert.errors import InputError

_MOST_BYTES = 2**31 - 1  # what protobuf can hold in one message


def read_model(path: Path) -> onnx.ModelProto:
    """Read an ONNX file without the data that it keeps in other files, and check that these are there.

    Raises:
        InputError: the file is missing, too large, not ONNX or cut off; it holds no nodes; it reads a tensor that
            nobody made before; or its external data lies outside its folder or is not all there.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(
                f"{path} has more than the 2 GiB that ONNX allows in a file: keep weights as external data"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    try:
        model = onnx.load_model_from_string(raw)
    except DecodeError as error:
        raise InputError(f"{path} is not an ONNX file, or is cut off: export it again") from error
    check_references(model, str(path))
    _check_external(model, path)
    return model


def check_references(model: onnx.ModelProto, name: str) -> None:
    """Check that a model has nodes, and that each reads what was made before it.

    Raises:
        InputError: it has none, or a tensor is read before it is made (which is so in every cycle) or made twice.
    """
    if model.ir_version <= 0 or not model.graph.node:
        raise InputError(f"{name} holds no graph with nodes: give the ONNX file of a model")
    made = {tensor.name for tensor in (*model.graph.input, *model.graph.initializer)} | {""}
    for node in model.graph.node:
        for tensor in node.input:
            if tensor not in made:
                raise InputError(
                    f"{name}: node {node.name or node.op_type!r} reads {tensor!r}, which no node before it makes: "
                    "the graph has a cycle or a gap"
                )
        for tensor in node.output:
            if tensor and tensor in made:
                raise InputError(f"{name}: tensor {tensor!r} is made twice: every tensor has one maker")
            made.add(tensor)


def _check_external(model: onnx.ModelProto, path: Path) -> None:
    folder = path.parent.resolve()
    for tensor in _tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        where = {entry.key: entry.value for entry in tensor.external_data}
        location = where.get("location", "")
        file = (folder / location).resolve()
        if not location or os.path.isabs(location) or not file.is_relative_to(folder):
            raise InputError(f"{path}: {tensor.name!r} keeps its data in {location!r}, outside the folder of the graph")
        if not file.is_file():
            raise InputError(f"{path}: {tensor.name!r} keeps its data in {location!r}, which is missing: copy it there")
        if not _fits(where, file.stat().st_size):
            raise InputError(f"{path}: {tensor.name!r} wants more data than {location!r} holds: copy the file again")


def _fits(where: dict[str, str], size: int) -> bool:
    try:
        offset, length = int(where.get("offset") or 0), int(where.get("length") or 0)
    except ValueError:
        return False
    return 0 <= offset and 0 <= length and offset + length <= size


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
