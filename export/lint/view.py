"""A graph as the rules see it: who makes a tensor, who reads it, its type, shape and constant value."""

import dataclasses
import functools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.floating]
Dims = tuple[int | None, ...]

_SMALL = 1024  # elements; shape inference reads the values of no larger constants
_ONNX_DOMAINS = ("", "ai.onnx")


@dataclasses.dataclass(frozen=True)
class Use:
    """A node that reads a tensor, and as which input."""

    node: onnx.NodeProto
    position: int


def name_of(node: onnx.NodeProto) -> str:
    """Return the name of a node, or its operator and first output where it has none."""
    return node.name or f"{node.op_type} -> {node.output[0] if node.output else '?'}"


def input_of(node: onnx.NodeProto, position: int) -> str:
    """Return the name of an input, empty where it is left out."""
    return node.input[position] if position < len(node.input) else ""


def type_name(kind: int | None) -> str:
    """Return the name of a type of TensorProto; a number that names none is shown."""
    known = kind is not None and kind in TensorProto.DataType.values()
    return str(TensorProto.DataType.Name(kind)) if known else f"of the unknown type {kind}"


def is_onnx(node: onnx.NodeProto, *operators: str) -> bool:
    """Return whether a node is one of these operators of ONNX's own domain."""
    return node.domain in _ONNX_DOMAINS and node.op_type in operators


def integer_attribute(node: onnx.NodeProto, name: str) -> int | None:
    """Return an integer attribute, None where it is not written."""
    for attribute in node.attribute:
        if attribute.name == name and attribute.type == AttributeProto.INT:
            return int(attribute.i)
    return None


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs inside a node: branches of If, bodies of Loop and Scan."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


class View:
    """An ONNX model indexed for questions; nothing is changed."""

    def __init__(self, model: onnx.ModelProto, folder: Path | None = None, max_tokens: int | None = None) -> None:
        """Index a model.

        Args:
            model: what `edgebert.export.lint.read.read_model` returned, so that its references hold.
            folder: where its external data lies.
            max_tokens: the longest input that it will see, where that is known.
        """
        self.model = model
        self.nodes: tuple[onnx.NodeProto, ...] = tuple(model.graph.node)
        self.max_tokens = max_tokens
        self._folder = folder
        self._producers = {output: node for node in self.nodes for output in node.output if output}
        self._uses: dict[str, list[Use]] = defaultdict(list)
        for node in self.nodes:
            for position, name in enumerate(node.input):
                self._uses[name].append(Use(node, position))
        self._constants = dict(_constants(model.graph))
        self._types = _inferred(model)
        self._values: dict[str, Array | None] = {}

    @functools.cached_property
    def opset(self) -> int:
        """Version of ONNX's own operators, 0 where the model names none."""
        return next((each.version for each in self.model.opset_import if each.domain in _ONNX_DOMAINS), 0)

    @functools.cached_property
    def outputs(self) -> frozenset[str]:
        """Names of the graph's outputs."""
        return frozenset(output.name for output in self.model.graph.output)

    @property
    def constants(self) -> Mapping[str, onnx.TensorProto]:
        """Initializers and the values of Constant nodes, by the name of the tensor."""
        return self._constants

    def all_nodes(self) -> Iterator[onnx.NodeProto]:
        """Yield every node, those of subgraphs too."""
        waiting = list(reversed(self.nodes))
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(inner for graph in subgraphs(node) for inner in graph.node)

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        """Return the node that makes a tensor; None for inputs, initializers and unknown names."""
        return self._producers.get(tensor)

    def uses(self, tensor: str) -> list[Use]:
        """Return who reads a tensor."""
        return self._uses.get(tensor, [])

    def users(self, node: onnx.NodeProto) -> list[Use]:
        """Return who reads any output of a node."""
        return [use for output in node.output if output for use in self.uses(output)]

    def is_constant(self, tensor: str) -> bool:
        """Return whether a tensor is an initializer or the value of a Constant node."""
        return tensor in self._constants

    def value(self, tensor: str) -> Array | None:
        """Return the value of a constant; None where it is none, or its bytes do not fit its shape."""
        if tensor not in self._values:
            proto = self._constants.get(tensor)
            self._values[tensor] = None if proto is None else _array(proto, self._folder)
        return self._values[tensor]

    def floats(self, tensor: str) -> Floats | None:
        """Return the value of a floating-point constant, None for any other."""
        value = self.value(tensor)
        return value if value is not None and np.issubdtype(value.dtype, np.floating) else None  # type: ignore[return-value]

    def element_type(self, tensor: str) -> int:
        """Return the type of a tensor's elements as in TensorProto, UNDEFINED where it is unknown."""
        if tensor in self._constants:
            return int(self._constants[tensor].data_type)
        return self._types[tensor].elem_type if tensor in self._types else TensorProto.UNDEFINED

    def shape(self, tensor: str) -> Dims | None:
        """Return the shape of a tensor with None for each dynamic dimension; None where not even the rank is known."""
        if tensor in self._constants:
            return tuple(int(size) for size in self._constants[tensor].dims)
        if tensor not in self._types or not self._types[tensor].HasField("shape"):
            return None
        return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in self._types[tensor].shape.dim)


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield initializers and the tensors of Constant nodes, which some exporters write instead."""
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for node in graph.node:
        if is_onnx(node, "Constant") and len(node.output) == 1:
            for attribute in node.attribute:
                if attribute.name == "value" and attribute.type == AttributeProto.TENSOR:
                    yield node.output[0], attribute.t
                elif attribute.name == "value_float" and attribute.type == AttributeProto.FLOAT:
                    yield node.output[0], numpy_helper.from_array(np.array(attribute.f, np.float32))


def _array(proto: onnx.TensorProto, folder: Path | None) -> Array | None:
    # numpy would reserve what dims ask for; bytes that are not there cannot be asked for
    if proto.data_location == TensorProto.EXTERNAL:
        if folder is None:
            return None
    elif math.prod(proto.dims) > 2 * _stored(proto):  # two 4-bit elements a byte is the densest type
        return None
    try:
        return numpy_helper.to_array(proto, str(folder or ""))
    except Exception:  # onnx raises a dozen unrelated classes for bytes that do not fit
        return None


def _stored(proto: onnx.TensorProto) -> int:
    """Return how many bytes or elements a tensor holds, whichever is more."""
    typed = (proto.float_data, proto.int32_data, proto.int64_data, proto.double_data, proto.uint64_data)
    return max(len(proto.raw_data), len(proto.string_data), *map(len, typed))


def _inferred(model: onnx.ModelProto) -> dict[str, onnx.TypeProto.Tensor]:
    """Return types and shapes as far as ONNX can infer them, from a copy without the large weights."""
    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions)
    for field in ("node", "input", "output", "value_info"):
        getattr(light.graph, field).extend(getattr(model.graph, field))
    light.graph.name = model.graph.name
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= _SMALL:
            light.graph.initializer.append(tensor)
        else:
            light.graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    try:
        light = onnx.shape_inference.infer_shapes(light)
    except Exception:  # a graph that contradicts itself; `invalid-onnx` says so, the rest sees what is declared
        pass
    every = (*light.graph.input, *light.graph.value_info, *light.graph.output)
    return {value.name: value.type.tensor_type for value in every if value.type.HasField("tensor_type")}
