"""The INT8 schemes of the native engine; docs/bundle-format.md says what each computes."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Scheme:
    """How a file of the native engine computes."""

    name: str
    weight_max: int  # weights are whole numbers from -weight_max to weight_max times a scale an output
    activation_bits: int  # codes of a token, with a scale and a zero point of its own
    integer_attention: bool  # products of queries, keys, probabilities and values in 8 bits

    @property
    def activation_max(self) -> int:
        """The highest code of an activation; the lowest is 0."""
        return (1 << self.activation_bits) - 1


FAST = Scheme("w7a8-token", 64, 8, integer_attention=True)
PRECISE = Scheme("w8a14-token", 127, 14, integer_attention=False)
