"""Run a model over a store, shared by all processes."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from edgebert.export.train.batches import Batch, collate, in_order
from edgebert.export.train.store import Array, Store

_BATCH = 64  # examples


def predict(
    accelerator: Accelerator,
    answer: Callable[[Batch], Iterable[Array]],
    data: Store,
    pad_id: int,
) -> list[Array]:
    """Return the answer to every example in the order of the store, in every process.

    Args:
        accelerator: shares the work.
        answer: gives an array for each example of a batch.
        data: the examples.
        pad_id: id of the padding token.
    """
    batches = in_order(data.lengths(), _BATCH)
    found: list[tuple[int, Array]] = []
    with torch.inference_mode(), accelerator.autocast():
        for batch in batches[accelerator.process_index :: accelerator.num_processes]:
            inputs = {name: values.to(accelerator.device) for name, values in collate(data, batch, pad_id).items()}
            found += zip(batch.tolist(), answer(inputs), strict=True)
    if accelerator.num_processes > 1:
        found = gather_object(found)
    found.sort(key=lambda pair: pair[0])
    return [array for _, array in found]


def to_arrays(values: torch.Tensor) -> list[Array]:
    """Return the rows of a tensor as float32 arrays on the CPU."""
    return list(values.float().cpu().numpy().astype(np.float32))
