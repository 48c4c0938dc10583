"""The integer product of the native engine: what its kernels compute, in PyTorch.

y = scale_a * scale_w * (a w - zero_point * column_sum) + bias, with u8 activations a whose scale and zero point are
found for each token, and 7-bit weights w; or 14-bit activations and 8-bit weights.
"""

import dataclasses

import torch

WEIGHT_MAX = 64  # 2 * 255 * 64 fits 16 bits, so sums of two products are exact on every CPU
ACTIVATION_MAX = 255

_LEAST_EXTENT = 1e-30  # below it 255 / extent could be infinite
_EXACT = 1024  # inputs whose products float32 adds without rounding: 1024 * 255 * 64 < 2 ** 24


@dataclasses.dataclass(frozen=True)
class IntegerLinear:
    """A quantized linear layer."""

    weight: torch.Tensor  # int8 [in, out], -64 to 64, or -127 to 127 with activations of 14 bits
    scale: torch.Tensor  # float32 [out]
    bias: torch.Tensor  # float32 [out]
    smoothing: torch.Tensor | None  # float32 [in], multiplied onto the input before it is quantized
    activation_max: int = ACTIVATION_MAX  # highest code of an input

    @property
    def column_sum(self) -> torch.Tensor:
        """Sum of each column of the weight, int32 [out]."""
        return self.weight.sum(dim=0, dtype=torch.int32)

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """Multiply [tokens, in] to [tokens, out]."""
        if self.smoothing is not None:
            values = values * self.smoothing
        scale, zero_point, codes = quantize_tokens(values, self.activation_max)
        sums = _integer_product(codes, self.weight) - zero_point.double() * self.column_sum.double()
        return sums.float() * (scale * self.scale) + self.bias


def _integer_product(codes: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Multiply whole numbers exactly: codes [tokens, in] by int8 [in, out] to float64 [tokens, out]."""
    if codes.numel() and float(codes.amax()) > ACTIVATION_MAX:
        return codes.double() @ weight.double()
    parts = zip(torch.split(codes, _EXACT, dim=1), torch.split(weight, _EXACT), strict=True)
    return torch.stack([(some @ row.float()).double() for some, row in parts]).sum(dim=0)


def quantize_tokens(
    values: torch.Tensor, highest: int = ACTIVATION_MAX
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Quantize each row asymmetrically to 0..highest.

    Args:
        values: float32 [tokens, in].
        highest: the highest code.

    A token whose values are all as good as zero has the scale 0.

    Returns:
        scale float32 [tokens, 1], zero_point float32 [tokens, 1] and codes float32 [tokens, in]; the values are
        about scale * (codes - zero_point), and 0 is exact.
    """
    low = values.amin(dim=1, keepdim=True).clamp(max=0)
    high = values.amax(dim=1, keepdim=True).clamp(min=0)
    extent = high - low
    used = extent >= _LEAST_EXTENT
    scale = torch.where(used, extent / highest, 0)
    inverse = torch.where(used, highest / extent, 0)
    zero_point = torch.round(-low * inverse)
    exact = values.double() * inverse + zero_point  # the kernels' fused multiply-add rounds once
    codes = torch.clamp(torch.round(exact.float()), 0, highest)
    return scale, zero_point, codes
