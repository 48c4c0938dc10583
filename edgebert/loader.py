"""Open a bundle and get what its task needs."""

import os

from edgebert.bundle import TOKENIZER, Bundle, open_bundle
from edgebert.engines import Session, open_session
from edgebert.errors import BundleError
from edgebert.models import MODELS, Model
from edgebert.tokenizer import Tokenizer


def load(path: str | os.PathLike[str], engine: str | None = None, threads: int = 1) -> Model:
    """Open a bundle.

    Args:
        path: the folder that `edgebert export` wrote.
        engine: name of an engine; None takes the first of the bundle's engines that is installed.
        threads: threads for one answer, at least 1.

    Returns:
        an `Encoder` for the task "embed", a `Classifier` for "classify", a `Tagger` for "tag", an `Answerer` for
        "answer".

    Raises:
        BundleError: the bundle is missing, damaged, hostile or of a newer format.
        EngineError: the engine does not exist or cannot run this bundle.
        MissingExtraError: no engine of the bundle is installed.
        InputError: ``threads`` is not a whole number from 1 to 1024.
    """
    return load_bundle(open_bundle(path), engine, threads)


def load_bundle(bundle: Bundle, engine: str | None = None, threads: int = 1, baseline: bool = False) -> Model:
    """Do what `load` does with a bundle that is open; ``baseline`` runs its FP32 graph instead of its own."""
    return make_task(bundle, open_session(bundle, engine, threads, baseline), threads)


def make_task(bundle: Bundle, session: Session, threads: int = 1) -> Model:
    """Join a bundle and a session that is open to what the bundle's task needs."""
    tokenizer = Tokenizer.from_file(bundle.file(TOKENIZER))
    shape = bundle.manifest.shape
    if tokenizer.id_count > shape.vocabulary:
        raise BundleError(
            f"{bundle.path / TOKENIZER} has ids up to {tokenizer.id_count - 1}, the model knows {shape.vocabulary}: "
            "export the bundle again"
        )
    return MODELS[bundle.manifest.task](bundle.manifest, tokenizer, session, threads)
