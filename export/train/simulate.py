"""Train with the INT8 scheme of the native engine in the loop, so that weights settle where INT8 is exact.

Inputs of the encoder's linear layers are rounded to 0..255 with a scale and a zero point for each token, weights to
-64..64 with a scale for each output; the gradient passes the rounding as if it were not there (the straight-through
estimator of Bengio et al., arXiv 1308.3432).
"""

from typing import Any

import torch
from torch.nn import functional

from edgebert.export.lower.integer import WEIGHT_MAX, quantize_tokens


class SimulatedLinear(torch.nn.Linear):
    """A linear layer that computes what its INT8 form would; it shares the weights of the layer it stands for."""

    @classmethod
    def of(cls, linear: torch.nn.Linear) -> "SimulatedLinear":
        """Return a layer with the parameters of another."""
        made = cls(linear.in_features, linear.out_features, device="meta")
        made.weight, made.bias = linear.weight, linear.bias
        return made

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Multiply rounded inputs [..., in] by rounded weights to [..., out]."""
        return functional.linear(rounded_tokens(input), rounded_weight(self.weight), self.bias)


def rounded_tokens(values: torch.Tensor) -> torch.Tensor:
    """Return the values [..., channels] that are left after INT8, with the gradient of the values themselves."""
    with torch.no_grad():
        rows = values.reshape(-1, values.shape[-1]).float()
        scale, zero_point, codes = quantize_tokens(rows)
        rounded = ((codes - zero_point) * scale).reshape(values.shape).to(values.dtype)
    return values + (rounded - values).detach()


def rounded_weight(weight: torch.Tensor) -> torch.Tensor:
    """Return the weight [out, in] that is left after INT8, with the gradient of the weight itself."""
    with torch.no_grad():
        scale = weight.abs().amax(dim=1, keepdim=True) / WEIGHT_MAX
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        rounded = torch.round(weight / scale) * scale
    return weight + (rounded - weight).detach()


def simulate(model: Any, on: bool) -> None:  # noqa: ANN401  (a transformers model)
    """Put simulated layers in the place of the encoder's linear layers, or the plain ones back; weights are kept."""
    encoder = getattr(model, "bert", model).encoder
    for module in encoder.modules():
        for name, child in list(module.named_children()):
            if on and type(child) is torch.nn.Linear:
                setattr(module, name, SimulatedLinear.of(child))
            elif not on and isinstance(child, SimulatedLinear):
                setattr(module, name, _plain(child))


def _plain(simulated: SimulatedLinear) -> torch.nn.Linear:
    made = torch.nn.Linear(simulated.in_features, simulated.out_features, device="meta")
    made.weight, made.bias = simulated.weight, simulated.bias
    return made
