"""INT8 weights for the native engine, one layer after the other, each on the inputs that the layers before give it."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from edgebert.calibration import Sample, evenly, smoothing_factors
from edgebert.errors import InputError
from edgebert.export.embedding import quantize_rows
from edgebert.export.lower.attention import attend_integer
from edgebert.export.lower.forward import attend, embed, encode
from edgebert.export.lower.gptq import gptq
from edgebert.export.lower.integer import IntegerLinear, quantize_tokens
from edgebert.export.lower.scheme import FAST, Scheme
from edgebert.export.lower.weights import KINDS, Linear, Weights
from edgebert.export.mix import layer_name
from edgebert.export.threads import one_thread

# measured on MiniLM: all are better than none; which one serves a layer best is measured at export
ALPHAS: tuple[float | None, ...] = (None, 0.5, 0.6, 0.7)

_MAX_TOKENS = 1 << 14  # of all samples together; bounds memory, and more change nothing measurable
_JUDGES = 1024  # tokens on which the candidates for smoothing are compared
_SHRINKS = tuple(1 - step / 50 for step in range(18))  # of a scale, from the one that clips nothing
_DAMPING_TOKENS = 500  # damping of the Hessian's diagonal times tokens: few tokens say little about inputs to come


@dataclasses.dataclass(frozen=True)
class Lowered:
    """The linear layers of each encoder layer by kind, quantized or not, and the smoothing that each was given."""

    layers: tuple[Mapping[str, IntegerLinear | Linear], ...]
    alphas: tuple[Mapping[str, float | None], ...]  # of those in INT8

    @property
    def summary(self) -> str:
        """The strengths of each kind of layer, from the first encoder layer to the last."""
        return "; ".join(f"{kind} {' '.join(_strength(kind, alphas) for alphas in self.alphas)}" for kind in KINDS)


def _strength(kind: str, alphas: Mapping[str, float | None]) -> str:
    if kind not in alphas:
        return "float"
    alpha = alphas[kind]
    return "none" if alpha is None else f"{alpha:g}"


class WeightQuantizer:
    """Quantizes the linear layers of one encoder, again and again with others of them left in float.

    A layer learns from inputs that depend on which layers before it are in float; what was learned for the same ones is
    kept.
    """

    def __init__(self, weights: Weights, samples: Sequence[Sample], scheme: Scheme = FAST) -> None:
        """Take the weights of a model and texts like those of the device; of very many, the first are used.

        Raises:
            InputError: there is no sample.
        """
        self._weights = weights
        self._scheme = scheme
        self._samples = _affordable(samples)
        if not self._samples:
            raise InputError("there are no samples: give at least one text")
        self._known: dict[tuple[str, frozenset[str]], tuple[IntegerLinear, float | None]] = {}
        self._alone: dict[str, IntegerLinear] = {}

    def quantize(self, floats: frozenset[str] = frozenset()) -> Lowered:
        """Quantize all linear layers but those in ``floats``, named ``layer.N.KIND``.

        Raises:
            InputError: an activation is NaN or infinite.
        """
        before: set[str] = set()  # layers in float so far
        alphas: list[dict[str, float | None]] = [{} for _ in self._weights.layers]
        layers: list[dict[str, IntegerLinear | Linear]] = [{} for _ in self._weights.layers]

        def multiply(number: int, kind: str, values: torch.Tensor) -> torch.Tensor:
            name, linear = layer_name(number, kind), self._weights.layers[number].linears[kind]
            if name in floats:
                before.add(name)
                layers[number][kind] = linear
                return _float_product(linear, values)
            key = name, frozenset(before)
            if key not in self._known:
                self._known[key] = _quantized(kind, linear, values, self._scheme)
            layers[number][kind], alphas[number][kind] = self._known[key]
            return self._known[key][0](values)

        self._run(multiply)
        return Lowered(tuple(layers), tuple(alphas))

    def alone(self, layer: str) -> IntegerLinear:
        """Return one linear layer quantized on the inputs that an encoder in float gives it."""
        if not self._alone:

            def multiply(number: int, kind: str, values: torch.Tensor) -> torch.Tensor:
                linear = self._weights.layers[number].linears[kind]
                self._alone[layer_name(number, kind)] = _quantized(kind, linear, values, self._scheme)[0]
                return _float_product(linear, values)

            self._run(multiply)
        return self._alone[layer]

    def _run(self, multiply: Callable[[int, str, torch.Tensor], torch.Tensor]) -> None:
        """Run the samples through the encoder; ``multiply`` is told the layer, the kind and its input."""
        lengths = [sample.input_ids.shape[1] for sample in self._samples]
        attention = attend_integer if self._scheme.integer_attention else attend
        with torch.inference_mode(), one_thread():
            hidden = embed(self._weights, integer_table(self._weights.word), self._samples)
            for number, layer in enumerate(self._weights.layers):
                hidden = encode(layer, self._weights, hidden, lengths, functools.partial(multiply, number), attention)


def _quantized(kind: str, linear: Linear, values: torch.Tensor, scheme: Scheme) -> tuple[IntegerLinear, float | None]:
    """Quantize a linear layer for the inputs [tokens, in] that it has, and return also the smoothing that it got."""
    if not bool(torch.isfinite(values).all()):
        raise InputError(f"an input of {kind!r} is NaN or infinite on a sample: the model cannot be quantized")
    alpha = choose_alpha(linear, values, scheme)
    return quantize_linear(linear, values, alpha, scheme), alpha


def _float_product(linear: Linear, values: torch.Tensor) -> torch.Tensor:
    return values @ linear.weight + linear.bias


def integer_table(table: torch.Tensor) -> torch.Tensor:
    """Return the embedding table as the engine reads it: INT8 rows times their scales."""
    rows, scales = quantize_rows(table.numpy())
    return torch.from_numpy(rows * scales)


def choose_alpha(linear: Linear, values: torch.Tensor, scheme: Scheme = FAST) -> float | None:
    """Return the smoothing of `ALPHAS` whose outputs are nearest to FP32 with plain rounding."""
    judges = values[:: max(1, len(values) // _JUDGES)]
    expected = _float_product(linear, judges)
    maxima = values.abs().amax(dim=0)

    def error(alpha: float | None) -> float:
        weight, smoothing = _smoothed(linear, maxima, alpha)
        scale = weight.abs().amax(dim=0) / scheme.weight_max
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        codes = torch.round(weight / scale).to(torch.int8)
        found = IntegerLinear(codes, scale.float(), linear.bias, smoothing, scheme.activation_max)(judges)
        return float((found - expected).square().sum())

    return min(ALPHAS, key=error)


def quantize_linear(linear: Linear, values: torch.Tensor, alpha: float | None, scheme: Scheme = FAST) -> IntegerLinear:
    """Quantize one linear layer.

    Args:
        linear: the layer.
        values: its inputs on the samples, float32 [tokens, in].
        alpha: strength of the smoothing; None for none.
        scheme: decides the bits of weights and activations.
    """
    weight, smoothing = _smoothed(linear, values.abs().amax(dim=0), alpha)
    scale_a, zero_point, codes_a = quantize_tokens(
        values if smoothing is None else values * smoothing, scheme.activation_max
    )
    seen = (codes_a - zero_point) * scale_a  # [tokens, in], the inputs as the kernels see them
    scale = _search_scales(weight, scheme.weight_max)
    codes = gptq(weight, _hessian(seen), scale, scheme.weight_max, _DAMPING_TOKENS / len(seen))
    lost = values.double().mean(dim=0) @ linear.weight.double() - seen.double().mean(dim=0) @ (codes * scale)
    bias = (linear.bias.double() + lost).float()
    return IntegerLinear(codes.to(torch.int8), scale.float(), bias, smoothing, scheme.activation_max)


def _smoothed(linear: Linear, maxima: torch.Tensor, alpha: float | None) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the weight with smoothing moved into it, float64 [in, out], and what its input is multiplied with."""
    weight = linear.weight.double()
    if alpha is None:
        return weight, None
    factors = smoothing_factors(maxima.numpy(), linear.weight.numpy(), alpha)
    smoothing = torch.from_numpy(np.float32(1) / factors)
    return weight / smoothing.double()[:, None], smoothing


def _hessian(seen: torch.Tensor) -> torch.Tensor:
    """Return the sum over tokens of the products of inputs, float64 [in, in]."""
    hessian = torch.zeros(seen.shape[1], seen.shape[1], dtype=torch.float64)
    for part in torch.split(seen, _JUDGES):
        hessian += (part.T @ part).double()
    return hessian


def _search_scales(weight: torch.Tensor, limit: int) -> torch.Tensor:
    """Return the scale of each output channel with the least squared error of plain rounding, float64 [out]."""
    largest = weight.abs().amax(dim=0) / limit
    largest = torch.where(largest > 0, largest, torch.ones_like(largest))
    best, least = largest, torch.full_like(largest, torch.inf)
    for shrink in _SHRINKS:
        scale = (largest * shrink).float()  # what the file will hold
        codes = torch.clamp(torch.round(weight.float() / scale), -limit, limit)
        error = (weight.float() - codes * scale).square().sum(dim=0)
        best = torch.where(error < least, scale.double(), best)
        least = torch.minimum(error, least.float())
    return best


def _affordable(samples: Sequence[Sample]) -> list[Sample]:
    """Return all samples, or where they have more than about `_MAX_TOKENS` tokens some, spread over them."""
    tokens = sum(sample.tokens for sample in samples)
    return evenly(samples, max(1, len(samples) * _MAX_TOKENS // max(tokens, _MAX_TOKENS)))
