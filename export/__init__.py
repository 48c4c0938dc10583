"""Turn a BERT checkpoint into a bundle. Read `export` first: it shows every stage.

This package and what it imports (torch, transformers, optimum, onnx) stay on the host; a device never needs them.
"""

import importlib.util

from edgebert.errors import MissingExtraError

for _package in ("torch", "transformers", "optimum", "onnx", "onnxruntime"):
    if importlib.util.find_spec(_package) is None:
        raise MissingExtraError(_package, "export")

from edgebert.export.pipeline import export  # noqa: E402
from edgebert.export.recipe import Recipe, read_recipe  # noqa: E402

__all__ = ["Recipe", "export", "read_recipe"]
