"""The native engine: edgebert's own kernels, which need nothing but this package.

It computes each text by itself, without work for padding, and by one defined order of operations: the same text gives
the same bits in any batch, with any number of threads, on every CPU.
"""

import os
from pathlib import Path

import numpy as np

from edgebert import _native
from edgebert.bundle import Bundle
from edgebert.engines import Floats, Ids, Session
from edgebert.engines.arrays import check_arrays
from edgebert.errors import BundleError
from edgebert.manifest import Manifest

_MAX_THREADS = 256  # more bring nothing to a text, and the engine refuses them


def open_session(bundle: Bundle, file: str, threads: int) -> Session:
    """Open a model file of the bundle.

    Raises:
        BundleError: the file is broken, or it is not the model that the manifest describes.
    """
    return NativeSession(bundle.file(file), bundle.manifest, threads)


class NativeSession:
    """A model file opened with the native engine."""

    engine = "native"

    def __init__(self, path: Path, manifest: Manifest, threads: int) -> None:
        model = _native.Model.open(os.fsencode(path))
        _check_model(path, model, manifest)
        self._model = model
        self._shape = manifest.shape
        self._session = model.session(min(threads, _MAX_THREADS), manifest.shape.max_tokens)

    @property
    def path(self) -> str:
        """Name of the CPU path in use, for example "avx2"."""
        return self._session.path

    def embeddings(self, ids: Ids) -> Floats:
        """Return rows of the table of word embeddings: int32 [ids] to float32 [ids, hidden]."""
        return self._model.embeddings(np.ascontiguousarray(ids))

    def run(self, input_ids: Ids, attention_mask: Ids, token_type_ids: Ids | None = None) -> Floats:
        """Run the model; see `edgebert.engines.Session.run`."""
        shape = self._shape
        lengths = check_arrays(input_ids, attention_mask, token_type_ids, shape.vocabulary, shape.max_tokens)
        types = None if token_type_ids is None else np.ascontiguousarray(token_type_ids)
        return self._session.run(np.ascontiguousarray(input_ids), lengths.astype(np.int64), types)


def _check_model(path: Path, model: _native.Model, manifest: Manifest) -> None:
    """Refuse a file whose sizes are not the manifest's, since arrays are checked against those."""
    found, shape = model.metadata, manifest.shape
    wanted = {
        "task": manifest.task,
        "layers": shape.layers,
        "hidden": shape.hidden,
        "heads": shape.heads,
        "intermediate": shape.intermediate,
        "vocabulary": shape.vocabulary,
        "max_tokens": shape.max_tokens,
    }
    for name, value in wanted.items():
        if found.get(f"edgebert.{name}") != str(value):
            raise BundleError(
                f"{path} has {name} {found.get(f'edgebert.{name}')}, the manifest says {value}: export the bundle again"
            )
    width = manifest.output_width
    if model.output_size != width:
        raise BundleError(f"{path} gives {model.output_size} numbers, the manifest says {width}: export it again")
