"""How much damage each linear layer does by itself."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from edgebert.calibration import Sample
from edgebert.engines import Floats, Session
from edgebert.export.judges import judges_of, relative_error


def outputs_of(session: Session, samples: Sequence[Sample]) -> list[Floats]:
    """Return the output of a session for some of the samples: token vectors or logits, one array a text."""
    return [
        session.run(sample.input_ids, np.ones_like(sample.input_ids), sample.token_type_ids)[0]
        for sample in judges_of(samples)
    ]


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


def ranked(costs: Mapping[str, int], found: Mapping[str, float]) -> list[str]:
    """Return the layers by the damage that each does for a product, the worst first.

    A layer that there was no time to measure may be the worst, and is taken for it.

    Args:
        costs: products that each linear layer computes for a token.
        found: what `damages` returned.
    """
    return sorted(costs, key=lambda name: -found.get(name, math.inf) / costs[name])
