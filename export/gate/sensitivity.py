"""How much damage each linear layer does by itself."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from edgebert.calibration import Sample
from edgebert.engines import Floats, Session

_SAMPLES = 32


def outputs_of(session: Session, samples: Sequence[Sample]) -> list[Floats]:
    """Return the output of a session for some of the samples: token vectors or logits, one array a text."""
    chosen = samples[:: max(1, len(samples) // _SAMPLES)]
    return [
        session.run(sample.input_ids, np.ones_like(sample.input_ids), sample.token_type_ids)[0] for sample in chosen
    ]


def relative_error(expected: Sequence[Floats], found: Sequence[Floats]) -> float:
    """Return the mean over texts of the distance from the expected output, as a share of its length."""
    shares = [np.linalg.norm(a - b) / max(np.linalg.norm(a), 1e-30) for a, b in zip(expected, found, strict=True)]
    return float(np.mean(shares))


def damages(
    layers: Iterable[str],
    expected: Sequence[Floats],
    alone: Callable[[str], Sequence[Floats]],
    more: Callable[[], bool],
) -> dict[str, float]:
    """Quantize each layer alone and measure how far the outputs move.

    Args:
        layers: names of linear layers.
        expected: outputs of the FP32 model.
        alone: gives the outputs of the model in which only this layer is in INT8.
        more: says whether there is time for another layer.

    Returns:
        the relative error by layer, of the layers that there was time for.
    """
    found: dict[str, float] = {}
    for layer in layers:
        if not more():
            break
        found[layer] = relative_error(expected, alone(layer))
    return found
