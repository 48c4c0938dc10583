"""What the nodes of a transformer stand for: Q/DQ pairs, linear layers, attention, residual additions."""

import dataclasses
from collections.abc import Iterator

import onnx
from onnx import AttributeProto

from edgebert.export.lint.view import Use, View, input_of, integer_attribute, is_onnx

_MOVES = ("Transpose", "Reshape", "Identity", "Slice", "Split", "Squeeze", "Unsqueeze", "Flatten", "Cast")
_DEPTH = 32  # nodes that a search goes up; no real pattern is longer, and a hostile graph cannot make it slow


@dataclasses.dataclass(frozen=True)
class Origin:
    """The constant behind an input of a node."""

    constant: str
    dequantize: onnx.NodeProto | None  # the Q/DQ pair between the constant and the node
    quantize: onnx.NodeProto | None
    permutations: tuple[tuple[int, ...], ...]  # of the Transposes after the pair, the nearest to the node first

    def axis_of(self, axis: int) -> int | None:
        """Return which axis of the dequantized tensor an axis of the node's input is."""
        for permutation in self.permutations:
            if axis >= len(permutation):
                return None
            axis = permutation[axis]
        return axis


@dataclasses.dataclass(frozen=True)
class Linear:
    """A MatMul or Gemm by a constant weight."""

    node: onnx.NodeProto
    position: int  # of the weight among the inputs
    weight: Origin

    @property
    def activation(self) -> str:
        """Name of the tensor that is multiplied by the weight."""
        return input_of(self.node, 1 - self.position)


@dataclasses.dataclass(frozen=True)
class Attention:
    """The two products around a softmax."""

    scores: onnx.NodeProto
    softmax: onnx.NodeProto
    context: onnx.NodeProto
    between: tuple[onnx.NodeProto, ...]  # the nodes from the scores to the softmax


@dataclasses.dataclass(frozen=True)
class Residual:
    """The addition of a linear layer's output to the tensor that went around it."""

    node: onnx.NodeProto
    linear: Linear
    branch: str


def quantizes(view: View) -> Iterator[onnx.NodeProto]:
    """Yield the QuantizeLinear nodes."""
    return (node for node in view.nodes if is_onnx(node, "QuantizeLinear"))


def dequantizes(view: View) -> Iterator[onnx.NodeProto]:
    """Yield the DequantizeLinear nodes."""
    return (node for node in view.nodes if is_onnx(node, "DequantizeLinear"))


def both(view: View) -> Iterator[onnx.NodeProto]:
    """Yield the nodes of all Q/DQ pairs."""
    return (node for node in view.nodes if is_onnx(node, "QuantizeLinear", "DequantizeLinear"))


def dequantizer(view: View, tensor: str) -> onnx.NodeProto | None:
    """Return the DequantizeLinear that a tensor comes from, looking through what only moves elements."""
    for _ in range(_DEPTH):
        node = view.producer(tensor)
        if node is None or not is_onnx(node, *_MOVES):
            return node if node is not None and is_onnx(node, "DequantizeLinear") else None
        tensor = input_of(node, 0)
    return None


def readers(view: View, tensor: str) -> Iterator[Use]:
    """Yield who computes with a tensor, looking through what only moves elements."""
    waiting = list(view.uses(tensor))
    while waiting:
        use = waiting.pop()
        if is_onnx(use.node, *_MOVES) and use.position == 0:
            waiting.extend(view.users(use.node))
        else:
            yield use


def origin(view: View, tensor: str) -> Origin | None:
    """Return the constant that a tensor is, dequantizes or transposes; None where it is computed."""
    found: dict[str, onnx.NodeProto] = {}
    permutations: list[tuple[int, ...]] = []
    for _ in range(_DEPTH):
        if view.is_constant(tensor):
            return Origin(tensor, found.get("DequantizeLinear"), found.get("QuantizeLinear"), tuple(permutations))
        node = view.producer(tensor)
        if node is None or not is_onnx(node, "Transpose", "Identity", "Cast", "DequantizeLinear", "QuantizeLinear"):
            return None
        if is_onnx(node, "DequantizeLinear", "QuantizeLinear"):
            if node.op_type in found:
                return None
            found[node.op_type] = node
        elif is_onnx(node, "Transpose") and not found:
            permutations.append(_permutation(node))
        tensor = input_of(node, 0)
    return None


def linears(view: View) -> Iterator[Linear]:
    """Yield the linear layers."""
    for node in view.nodes:
        if is_onnx(node, "MatMul", "Gemm"):
            yield from linears_of(view, node)


def output_axis(node: onnx.NodeProto, position: int, rank: int) -> int | None:
    """Return which axis of a weight runs over the output channels; None where the node has no weight there."""
    if is_onnx(node, "MatMul") and rank >= 2:
        return rank - 1 if position == 1 else rank - 2
    if is_onnx(node, "Gemm") and position in (0, 1):
        transposed = bool(integer_attribute(node, "transB" if position == 1 else "transA"))
        return int(transposed == (position == 0))
    if is_onnx(node, "Conv", "ConvTranspose") and position == 1:
        return int(node.op_type == "ConvTranspose")
    return None


def linear_behind(view: View, tensor: str) -> Linear | None:
    """Return the linear layer whose output a tensor is, looking through its bias and what only moves elements."""
    for _ in range(_DEPTH):
        node = view.producer(tensor)
        if node is None:
            return None
        if is_onnx(node, "MatMul", "Gemm"):
            return next(iter(linears_of(view, node)), None)
        if is_onnx(node, *_MOVES):
            tensor = input_of(node, 0)
        elif is_onnx(node, "Add"):
            computed = [name for name in node.input if origin(view, name) is None]
            if len(computed) != 1:
                return None
            tensor = computed[0]
        else:
            return None
    return None


def linears_of(view: View, node: onnx.NodeProto) -> list[Linear]:
    """Return a node as a linear layer, an empty list where it is none."""
    behind = [origin(view, input_of(node, position)) for position in (0, 1)]
    return [
        Linear(node, position, weight)
        for position in (1, 0)
        if (weight := behind[position]) is not None and behind[1 - position] is None
    ]


def attentions(view: View) -> Iterator[Attention]:
    """Yield each softmax with the products before and after it."""
    for node in view.nodes:
        if not is_onnx(node, "Softmax"):
            continue
        between = _up_to_product(view, input_of(node, 0))
        after = _product_after(view, node)
        if between is not None and after is not None:
            yield Attention(between[-1], node, after, between[:-1])


def residuals(view: View) -> Iterator[Residual]:
    """Yield each addition of a linear layer's output to another computed tensor of the same width."""
    for node in view.nodes:
        if not is_onnx(node, "Add") or any(origin(view, name) is not None for name in node.input):
            continue
        for position in (0, 1):
            linear = linear_behind(view, input_of(node, position))
            if linear is not None:
                yield Residual(node, linear, input_of(node, 1 - position))
                break


def _permutation(node: onnx.NodeProto) -> tuple[int, ...]:
    for attribute in node.attribute:
        if attribute.name == "perm" and attribute.type == AttributeProto.INTS:
            return tuple(int(axis) for axis in attribute.ints)
    return (1, 0)  # without it the axes are reversed; a weight has two


def _up_to_product(view: View, tensor: str) -> tuple[onnx.NodeProto, ...] | None:
    """Return the nodes from a softmax's input up to the product that makes the scores."""
    waiting: list[tuple[str, tuple[onnx.NodeProto, ...]]] = [(tensor, ())]
    while waiting:
        name, path = waiting.pop()
        node = view.producer(name)
        if node is None or len(path) > 8:
            continue
        if is_onnx(node, "MatMul"):
            return (*path, node)
        if is_onnx(node, "Add", "Sub", "Mul", "Div", "Where", "Cast", "QuantizeLinear", "DequantizeLinear"):
            waiting.extend((each, (*path, node)) for each in node.input if not view.is_constant(each))
    return None


def _product_after(view: View, softmax: onnx.NodeProto) -> onnx.NodeProto | None:
    waiting = [use.node for use in view.users(softmax)]
    while waiting:
        node = waiting.pop()
        if is_onnx(node, "MatMul"):
            return node
        if is_onnx(node, "QuantizeLinear", "DequantizeLinear", "Cast", "Dropout", "Identity"):
            waiting.extend(use.node for use in view.users(node))
    return None
