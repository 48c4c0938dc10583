"""Open the bundle of a verb."""

from pathlib import Path
from typing import TypeVar

from edgebert.answerer import Answerer
from edgebert.classifier import Classifier
from edgebert.cli.groups import Running
from edgebert.encoder import Encoder
from edgebert.errors import InputError
from edgebert.loader import load
from edgebert.models import Model
from edgebert.tagger import Tagger

_Task = TypeVar("_Task", Encoder, Classifier, Tagger, Answerer)

_DOES: dict[type[Model], tuple[str, str]] = {  # what it does, and the verb for it
    Encoder: ("gives vectors", "embed"),
    Classifier: ("classifies", "classify"),
    Tagger: ("tags texts", "tag"),
    Answerer: ("answers questions", "answer"),
}
_LACKS: dict[type[Model], str] = {
    Encoder: "gives no vectors",
    Classifier: "has no labels",
    Tagger: "finds no entities",
    Answerer: "answers no questions",
}


def open_model(bundle: Path, run: Running, wanted: type[_Task]) -> _Task:
    """Open a bundle that is made for the verb.

    Raises:
        InputError: it is for another task.
    """
    model = load(bundle, run.engine, run.threads)
    if not isinstance(model, wanted):
        does, verb = _DOES[type(model)]
        raise InputError(f"{bundle} {does}, it {_LACKS[wanted]}: use `edgebert {verb}`")
    return model
