"""Quantized BERT for edge devices: `load` a bundle, then `encode`, `classify`, `tag` or `answer`.

The submodules are imported when their names are first used, so that `import edgebert` costs little more than
`import numpy`.
"""

import importlib
from typing import TYPE_CHECKING

import numpy  # noqa: F401  (the one library that the runtime always needs; fail here and not later)

if TYPE_CHECKING:
    from edgebert.answerer import Answerer
    from edgebert.classifier import Classifier
    from edgebert.encoder import Encoder
    from edgebert.errors import EdgebertError
    from edgebert.loader import load
    from edgebert.tagger import Tagger
    from edgebert.tokenizer import Tokenizer

__version__ = "0.1.0"
__all__ = ["Answerer", "Classifier", "EdgebertError", "Encoder", "Tagger", "Tokenizer", "__version__", "load"]

_HOMES = {
    "Answerer": "edgebert.answerer",
    "Classifier": "edgebert.classifier",
    "EdgebertError": "edgebert.errors",
    "Encoder": "edgebert.encoder",
    "Tagger": "edgebert.tagger",
    "Tokenizer": "edgebert.tokenizer",
    "load": "edgebert.loader",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edgebert' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
