"""What a bundle can be, by its task."""

from edgebert.answerer import Answerer
from edgebert.classifier import Classifier
from edgebert.encoder import Encoder
from edgebert.tagger import Tagger

Model = Encoder | Classifier | Tagger | Answerer

MODELS: dict[str, type[Encoder] | type[Classifier] | type[Tagger] | type[Answerer]] = {
    "embed": Encoder,
    "classify": Classifier,
    "tag": Tagger,
    "answer": Answerer,
}
