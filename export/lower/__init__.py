"""From a checkpoint to the native engine's files, ``model.edgebert`` and ``model.fp32.edgebert``."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgebert.bundle import NATIVE_BASELINE, NATIVE_MODEL
from edgebert.calibration import Sample
from edgebert.export.checkpoint import Checkpoint
from edgebert.export.lower.answers import engine_answers
from edgebert.export.lower.integer import IntegerLinear
from edgebert.export.lower.native import Floats, GoldenTexts, model_bytes
from edgebert.export.lower.quantize import WeightQuantizer
from edgebert.export.lower.scheme import FAST, PRECISE, Scheme
from edgebert.export.lower.weights import Linear, Weights, read_weights, unsupported
from edgebert.export.mix import Made, Mix, layer_name
from edgebert.export.texts import golden_texts
from edgebert.export.tokens import samples_of
from edgebert.tokenizer import Tokenizer

__all__ = ["FAST", "PRECISE", "NativeFiles", "NativeMaker", "Scheme", "lower", "unsupported"]


@dataclasses.dataclass(frozen=True)
class NativeFiles:
    """The contents of the native engine's files; ``int8`` and its ``maker`` are None where the bundle is FP32."""

    fp32: bytes
    scheme: Scheme  # of ``int8``
    int8: Made | None
    maker: "NativeMaker | None"

    def files(self) -> dict[str, bytes]:
        """Return the contents by file name; the FP32 form is the model itself where there is no INT8."""
        if self.int8 is None:
            return {NATIVE_MODEL: self.fp32}
        return {NATIVE_MODEL: self.int8.content, NATIVE_BASELINE: self.fp32}


class NativeMaker:
    """Makes the INT8 file of one checkpoint with any of its linear layers in float."""

    engine = "native"
    settings = ("smoothing by layer",)  # each layer gets its own, so there is nothing else to try
    safest = settings[0]

    def __init__(self, files: "_Files", samples: Sequence[Sample]) -> None:
        self._files = files
        self._quantizer = WeightQuantizer(files.weights, samples, files.scheme)

    def make(self, mix: Mix) -> Made:
        """Make the file; layers after one in float learn anew from the inputs that this gives them."""
        lowered = self._quantizer.quantize(mix.floats)
        return Made(self._files.content(lowered.layers), {"smoothing_native": lowered.summary})

    def alone(self, layer: str) -> Made:
        """Make the file with one linear layer in INT8."""
        layers = [
            {
                kind: self._quantizer.alone(layer) if layer_name(number, kind) == layer else linear
                for kind, linear in each.linears.items()
            }
            for number, each in enumerate(self._files.weights.layers)
        ]
        return Made(self._files.content(layers), {})


@dataclasses.dataclass(frozen=True)
class _Files:
    """What all model files of a checkpoint share."""

    checkpoint: Checkpoint
    weights: Weights
    tokenizer: bytes
    golden: GoldenTexts
    scheme: Scheme

    def content(self, layers: Sequence[Mapping[str, IntegerLinear | Linear]] | None) -> bytes:
        """Return the bytes of the file with these linear layers; None for FP32."""
        return model_bytes(
            self.checkpoint, self.weights, layers, self.tokenizer, self.golden, self._answer, self.scheme
        )

    def _answer(self, content: bytes) -> Floats:
        return engine_answers(content, self.golden.samples)


def lower(
    checkpoint: Checkpoint, tokenizer: Path, samples: Sequence[Sample], int8: bool, scheme: Scheme = FAST
) -> NativeFiles:
    """Lower a checkpoint that is not `unsupported` to the native engine.

    Args:
        checkpoint: the model.
        tokenizer: the file of its compiled tokenizer, whose content the files hold too.
        samples: texts that the rounding of INT8 weights learns from.
        int8: make an INT8 file as well.
        scheme: how it computes.

    Raises:
        InputError: there are no samples, or an activation is not finite.
    """
    texts = golden_texts(checkpoint.task)
    golden = GoldenTexts(texts, tuple(samples_of(Tokenizer.from_file(tokenizer), texts, checkpoint.shape.max_tokens)))
    files = _Files(checkpoint, read_weights(checkpoint), tokenizer.read_bytes(), golden, scheme)
    if not int8:
        return NativeFiles(files.content(None), scheme, None, None)
    maker = NativeMaker(files, samples)
    return NativeFiles(files.content(None), scheme, maker.make(Mix(maker.settings[0])), maker)
