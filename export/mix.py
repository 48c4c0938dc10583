"""Which linear layers of an INT8 model stay in float, and who can make such a model."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from edgebert.export.linears import KINDS
from edgebert.manifest import Shape


@dataclasses.dataclass(frozen=True)
class Mix:
    """A way to quantize a model.

    Attributes:
        setting: one of the settings of its maker, such as a strength of smoothing.
        floats: linear layers that stay in float, by name: ``layer.N.KIND``.
    """

    setting: str
    floats: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Made:
    """The bytes of a model file, and what the provenance says about how it was quantized."""

    content: bytes
    provenance: Mapping[str, str]


class Maker(Protocol):
    """Makes the INT8 model file of one engine in different ways."""

    engine: str

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the ways to quantize that are worth trying, from the one that the export chose."""
        ...

    @property
    def safest(self) -> str:
        """Name of the setting that is nearest to FP32 where some layers are in float."""
        ...

    def make(self, mix: Mix) -> Made:
        """Make the model with some layers in float."""
        ...

    def alone(self, layer: str) -> Made:
        """Make the model with one linear layer in INT8 and all others in float."""
        ...


def layer_name(number: int, kind: str) -> str:
    """Return the name of a linear layer of an encoder layer."""
    return f"layer.{number}.{kind}"


def multiplications(shape: Shape) -> dict[str, int]:
    """Return how many products each linear layer of an encoder computes for a token, in the order in which they run."""
    hidden, inner = shape.hidden, shape.intermediate
    sizes = (3 * hidden * hidden, hidden * hidden, hidden * inner, inner * hidden)
    return {
        layer_name(number, kind): size
        for number in range(shape.layers)
        for kind, size in zip(KINDS, sizes, strict=True)
    }
