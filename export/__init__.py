"""Turn a BERT checkpoint into a bundle. Read `export` first: it shows every stage.

This package and what it imports (torch, transformers, optimum, onnx) stay on the host; a device never needs them. The
submodules are imported when their names are first used, so that `edgebert.export.lint` loads onnx alone.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING

from edgebert.errors import MissingExtraError

if TYPE_CHECKING:
    from edgebert.export.compare import CompareStudents, compare_students
    from edgebert.export.pipeline import export
    from edgebert.export.recipe import Recipe, read_recipe

for _package in ("torch", "transformers", "optimum", "onnx", "onnxruntime"):
    if importlib.util.find_spec(_package) is None:
        raise MissingExtraError(_package, "export")

__all__ = ["CompareStudents", "Recipe", "compare_students", "export", "read_recipe"]

_HOMES = {
    "CompareStudents": "edgebert.export.compare",
    "Recipe": "edgebert.export.recipe",
    "compare_students": "edgebert.export.compare",
    "export": "edgebert.export.pipeline",
    "read_recipe": "edgebert.export.recipe",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edgebert.export' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
