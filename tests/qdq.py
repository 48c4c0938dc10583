"""Small BERTs with random weights as graphs for TensorRT, in every dialect."""

import dataclasses

import onnx
import torch

from edgebert.export.canonical import LinearPlan, Plan, build, dialect_named
from edgebert.export.canonical.plan import quantized_tensors
from edgebert.export.lower.weights import KINDS, Layer, Linear, Norm, Weights

DIALECTS = {5: "tensorrt-8.5", 6: "tensorrt-8.6", 7: "tensorrt-10.13"}  # by JetPack


@dataclasses.dataclass(frozen=True)
class Form:
    """What a graph is: its JetPack, its sizes, and what is quantized besides the linear layers."""

    jetpack: int = 6
    residual: bool = True
    attention: bool = True
    heads: int = 2
    head_size: int = 16
    intermediate: int = 64
    layers: int = 1


def random_weights(form: Form) -> Weights:
    """Weights of a classifier with three labels, near those of a fresh BERT."""
    torch.manual_seed(0)
    hidden = form.heads * form.head_size

    def linear(rows: int, columns: int) -> Linear:
        return Linear(torch.randn(rows, columns) * rows**-0.5, torch.randn(columns) * 0.1)

    def norm() -> Norm:
        return Norm(torch.rand(hidden) + 0.5, torch.randn(hidden) * 0.1)

    sizes = {"qkv": (hidden, 3 * hidden), "attention_output": (hidden, hidden)}
    sizes |= {"intermediate": (hidden, form.intermediate), "output": (form.intermediate, hidden)}
    return Weights(
        word=torch.randn(40, hidden),
        position=torch.randn(24, hidden),
        type=torch.randn(2, hidden),
        norm=norm(),
        layers=tuple(Layer({kind: linear(*sizes[kind]) for kind in KINDS}, norm(), norm()) for _ in range(form.layers)),
        heads=form.heads,
        epsilon=1e-12,
        pooler=linear(hidden, hidden),
        classifier=linear(hidden, 3),
    )


def plan_of(form: Form) -> Plan:
    """A plan in which every linear layer is INT8, with a range of 4 for each activation."""
    linears = {f"layer.{number}.{kind}": LinearPlan() for number in range(form.layers) for kind in KINDS}
    plan = Plan(linears, {}, form.residual, form.attention)
    return dataclasses.replace(plan, ranges=dict.fromkeys(quantized_tensors(plan, form.layers), 4.0))


def qdq_graph(form: Form = Form()) -> onnx.ModelProto:
    """The graph of a small BERT that the lint has nothing against."""
    return build(random_weights(form), plan_of(form), dialect_named(DIALECTS[form.jetpack]))
