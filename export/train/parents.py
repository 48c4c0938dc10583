"""What a student comes from, for the provenance of the bundles that are made of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgebert.export.checkpoint import weights_sha256
from edgebert.export.train.distill_settings import Distill
from edgebert.export.train.workspace import to_json
from edgebert.files import sha256_of

_PLACES = ("teachers", "output", "resume", "force")  # they say nothing about the weights
_SOURCES = ("train", "dev", "unlabelled", "prune_vocabulary")


def lineage_of(settings: Distill, teachers: Sequence[Any]) -> dict[str, str]:
    """Return the hashes of the teachers' weights and the settings; files are named by their hashes, not their paths.

    Args:
        settings: of the distillation.
        teachers: their models, which are hashed as an export of them would be.
    """
    said = {name: value for name, value in to_json(settings).items() if name not in _PLACES}
    for name in _SOURCES:
        source = getattr(settings, name)
        if source is not None and Path(source).is_file():
            said[name] = f"sha256 {sha256_of(Path(source))}"
    if settings.mlm is not None:
        said["mlm"] = Path(settings.mlm).name
    return {
        "teacher_weights_sha256": " ".join(map(weights_sha256, teachers)),
        "distillation": json.dumps(said, sort_keys=True, ensure_ascii=False),
    }
