"""From a checkpoint to the native engine's files, ``model.edgebert`` and ``model.fp32.edgebert``."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from edgebert.calibration import Sample
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.lower.answers import engine_answers
from edgebert.export.lower.native import Floats, GoldenTexts, model_bytes
from edgebert.export.lower.quantize import quantize_weights
from edgebert.export.lower.weights import read_weights, unsupported
from edgebert.export.texts import golden_texts
from edgebert.export.tokens import samples_of
from edgebert.tokenizer import Tokenizer

__all__ = ["SCHEME", "NativeFiles", "lower", "unsupported"]

SCHEME = "w7a8-token"  # of an INT8 file; docs/bundle-format.md says what it means


@dataclasses.dataclass(frozen=True)
class NativeFiles:
    """The contents of the native engine's files; ``int8`` is None where the bundle is FP32."""

    fp32: bytes
    int8: bytes | None
    smoothing: str  # how many linear layers were given which strength, for the provenance


def lower(checkpoint: Checkpoint, tokenizer: Path, samples: Sequence[Sample], int8: bool) -> NativeFiles:
    """Lower a checkpoint that is not `unsupported` to the native engine.

    Args:
        checkpoint: the model.
        tokenizer: the file of its compiled tokenizer, whose content the files hold too.
        samples: texts that the rounding of INT8 weights learns from.
        int8: make an INT8 file as well.

    Raises:
        InputError: there are no samples, or an activation is not finite.
    """
    weights = read_weights(checkpoint)
    texts = golden_texts(checkpoint.task)
    golden = GoldenTexts(texts, tuple(samples_of(Tokenizer.from_file(tokenizer), texts, checkpoint.shape.max_tokens)))

    def answer(content: bytes) -> Floats:
        return engine_answers(content, golden.samples)

    lowered = quantize_weights(weights, samples) if int8 else None
    content = tokenizer.read_bytes()
    fp32 = model_bytes(checkpoint, weights, None, content, golden, answer)
    if lowered is None:
        return NativeFiles(fp32, None, "none")
    small = model_bytes(checkpoint, weights, lowered.layers, content, golden, answer)
    return NativeFiles(fp32, small, lowered.summary)
