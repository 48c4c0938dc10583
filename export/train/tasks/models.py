"""Load and run the models of the tasks."""

from pathlib import Path
from typing import Any

import torch
import transformers

from edgebert.errors import CheckpointError
from edgebert.export.quiet import quiet
from edgebert.export.train.batches import Batch

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def load_model(kind: str, folder: Path, complete: bool = False, **settings: Any) -> Any:  # noqa: ANN401
    """Load a model of a class of transformers.

    Args:
        kind: name of the class.
        folder: the checkpoint.
        complete: refuse a folder that lacks weights; else those of a head are new, drawn from torch's generator.
        settings: for the configuration.

    Raises:
        CheckpointError: the weights cannot be loaded, or the encoder lacks some.
    """
    try:
        with quiet():
            model, loading = getattr(transformers, kind).from_pretrained(
                folder, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **settings
            )
    except Exception as error:  # transformers and safetensors raise unrelated classes
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"the weights in {folder} cannot be loaded: {reason}") from error
    missing = loading["missing_keys"] + [key for key, *_ in loading["mismatched_keys"]]
    lost = [key for key in missing if complete or "encoder." in key or "embeddings." in key]
    if lost:
        raise CheckpointError(f"{folder} lacks the weight {lost[0]!r} ({len(lost)} in all): it is incomplete")
    return model


def inputs_of(batch: Batch, prefix: str = "") -> Batch:
    """Return the part of a batch that a model takes."""
    return {name: batch[prefix + name] for name in _INPUTS}
