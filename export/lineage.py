"""Where the weights of a checkpoint come from, as the report of `edgebert distill` beside them says."""

from collections.abc import Mapping
from pathlib import Path

from edgebert.errors import BundleError, CheckpointError
from edgebert.files import read_json

REPORT = "training.json"
KEY = "lineage"

REPORT_MAX = 1 << 26  # bytes; a long run has a long history


def read_lineage(folder: Path) -> dict[str, str]:
    """Return what the report in a checkpoint folder says; empty where there is none.

    Raises:
        CheckpointError: the report is damaged.
    """
    path = folder / REPORT
    if not path.is_file():
        return {}
    try:
        document = read_json(path, REPORT_MAX)
    except BundleError as error:
        raise CheckpointError(f"{path} is damaged: delete it, or repeat the training") from error
    lineage = document.get(KEY, {}) if isinstance(document, Mapping) else {}
    if not isinstance(lineage, Mapping) or not all(isinstance(value, str) for value in lineage.values()):
        raise CheckpointError(f"{path} has a {KEY} that is no texts by name: delete it, or repeat the training")
    return dict(lineage)
