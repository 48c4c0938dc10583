"""The parts of an encoder layer as nodes, in the forms that engines recognize and fuse."""

import math

from edgebert.export.canonical.assembler import Assembler
from edgebert.export.canonical.plan import Plan, input_of, unsmoothed
from edgebert.export.canonical.quantizers import Operand, add_quantizer, add_weight, operand
from edgebert.export.lower.weights import Linear, Norm, Weights


def add_norm(graph: Assembler, norm: Norm, tensor: str, name: str, epsilon: float) -> str:
    """Add a LayerNorm over the last axis and return its output, ``name``."""
    weight, bias = graph.floats(f"{name}.weight", norm.weight), graph.floats(f"{name}.bias", norm.bias)
    if graph.dialect.operator_norms:
        return graph.add("LayerNormalization", [tensor, weight, bias], name, axis=-1, epsilon=epsilon)
    mean = graph.add("ReduceMean", [tensor], f"{name}.mean", axes=[-1], keepdims=1)
    centred = graph.add("Sub", [tensor, mean], f"{name}.centred")
    squares = graph.add("Pow", [centred, graph.floats("two", 2)], f"{name}.squares")
    variance = graph.add("ReduceMean", [squares], f"{name}.variance", axes=[-1], keepdims=1)
    above_zero = graph.add("Add", [variance, graph.floats("epsilon", epsilon)], f"{name}.above_zero")
    deviation = graph.add("Sqrt", [above_zero], f"{name}.deviation")
    unit = graph.add("Div", [centred, deviation], f"{name}.unit")
    return graph.add("Add", [graph.add("Mul", [unit, weight], f"{name}.scaled"), bias], name)


def add_product(graph: Assembler, linear: Linear, tensor: str, name: str) -> str:
    """Add a linear layer in float and return its output, ``name``."""
    product = graph.add("MatMul", [tensor, graph.floats(f"{name}.weight", linear.weight)], f"{name}.product")
    return graph.add("Add", [product, graph.floats(f"{name}.bias", linear.bias)], name)


def add_linear(graph: Assembler, weights: Weights, number: int, kind: str, tensor: str, plan: Plan) -> str:
    """Add a linear layer of the encoder and return its output, ``layer.N.KIND``."""
    read = add_input(graph, number, kind, tensor, plan)
    return add_multiplication(graph, read, f"layer.{number}.{kind}", layer_operand(graph, weights, number, kind, plan))


def layer_operand(graph: Assembler, weights: Weights, number: int, kind: str, plan: Plan) -> Operand:
    """Return what a linear layer of the encoder multiplies with and adds."""
    return operand(weights.layers[number].linears[kind], plan.linear(number, kind), graph.dialect)


def add_input(graph: Assembler, number: int, kind: str, tensor: str, plan: Plan) -> str:
    """Add what comes before a product: the smoothing and the quantizer."""
    name, linear = input_of(number, kind), plan.linear(number, kind)
    tensor = graph.alias(tensor, unsmoothed(number, kind))
    if linear.smoothing is None:
        tensor = graph.alias(tensor, name)
    else:
        tensor = graph.add("Mul", [tensor, graph.floats(f"{name}.smoothing", linear.smoothing)], name)
    return add_quantizer(graph, tensor, name, plan.range(name)) if linear.int8 else tensor


def add_multiplication(graph: Assembler, read: str, name: str, operand: Operand) -> str:
    """Add a product and a bias and return the sum, ``name``."""
    product = graph.add("MatMul", [read, add_weight(graph, f"{name}.weight", operand)], f"{name}.product")
    return graph.add("Add", [product, graph.floats(f"{name}.bias", operand.bias)], name)


def add_residual(graph: Assembler, tensor: str, name: str, plan: Plan) -> str:
    """Add the quantizer of what is added after a half of a layer, apart from that of the next product."""
    tensor = graph.alias(tensor, name)
    return add_quantizer(graph, tensor, name, plan.range(name)) if plan.residual else tensor


def add_gelu(graph: Assembler, tensor: str, name: str) -> str:
    """Add the exact GELU, x / 2 * (1 + erf(x / sqrt 2)), and return its output, ``name``."""
    scaled = graph.add("Div", [tensor, graph.floats("sqrt_two", math.sqrt(2))], f"{name}.scaled")
    above_zero = graph.add("Add", [graph.add("Erf", [scaled], f"{name}.erf"), graph.floats("one", 1)], f"{name}.one")
    doubled = graph.add("Mul", [tensor, above_zero], f"{name}.doubled")
    return graph.add("Mul", [doubled, graph.floats("half", 0.5)], name)
