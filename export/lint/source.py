"""Where a graph comes from: an ONNX file, or a bundle, which knows more about it."""

import dataclasses
from pathlib import Path

from edgebert.bundle import MODEL, PLAN, Bundle, open_bundle
from edgebert.errors import InputError
from edgebert.export.platforms import RELEASES, Platform, platform_named
from edgebert.tensorrt.plan import read_plan


@dataclasses.dataclass(frozen=True)
class Source:
    """A graph in a file.

    Attributes:
        file: the ONNX file.
        max_tokens: the longest input that it will see; None where that is not known.
        platform: what the graph was exported for; None where that is not known.
    """

    file: Path
    max_tokens: int | None = None
    platform: Platform | None = None


def source_of(path: Path, max_tokens: int | None = None) -> Source:
    """Return the graph of an ONNX file or of a bundle.

    Args:
        path: file or bundle.
        max_tokens: the longest input; None is the bundle's.

    Raises:
        BundleError: the folder is no bundle, or its plan is damaged.
        InputError: the bundle holds no graph, or is for releases of TensorRT that do not exist.
    """
    if not path.is_dir():
        return Source(path, max_tokens)
    bundle = open_bundle(path)
    if not bundle.has(MODEL):
        raise InputError(f"{path} is for {bundle.manifest.target} and holds no {MODEL}: give a bundle for a Jetson")
    return Source(bundle.path / MODEL, max_tokens or bundle.manifest.shape.max_tokens, _platform_of(bundle))


def _platform_of(bundle: Bundle) -> Platform | None:
    """Return the board and the releases that a bundle's build plan names, None where it has no plan."""
    if not bundle.has(PLAN):
        return None
    plan = read_plan(bundle)
    first, below = (plan.oldest.major, plan.oldest.minor), (plan.below.major, plan.below.minor)
    releases = tuple(release for release in RELEASES if first <= release.version < below)
    if not releases:
        raise InputError(f"{bundle.path / PLAN} names no release of TensorRT that is known: export the bundle again")
    return Platform(platform_named(bundle.manifest.target).board, releases, None)
