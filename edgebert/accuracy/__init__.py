"""How good the answers of a model are: against its FP32 baseline, and against what people expect."""

from edgebert.accuracy.distance import Accuracy, compare

__all__ = ["Accuracy", "compare"]
