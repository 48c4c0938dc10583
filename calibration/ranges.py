"""The ranges of activations, and a file that keeps them so that the model need not be run again."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from edgebert.calibration.observers import LEVELS, SMALLEST_AMAX
from edgebert.errors import BundleError, InputError
from edgebert.files import new_file, read_json, write_json

_T = TypeVar("_T")

FORMAT = 1  # of the file
_MAX_BYTES = 64 << 20
_LARGEST = 3.4e38  # of float32


@dataclasses.dataclass(frozen=True)
class Range:
    """How far a symmetric INT8 range reaches, and which observer said so."""

    amax: float
    observer: str

    @property
    def scale(self) -> float:
        """What a code is multiplied with; above zero."""
        return self.amax / LEVELS


@dataclasses.dataclass(frozen=True)
class Ranges:
    """Ranges of activations, and what they were measured with.

    Attributes:
        by_tensor: ranges by name of the tensor.
        model_sha256: hash of the model's weights.
        samples_sha256: hash of the samples.
        samples: how many there were.
        smoothing: what the input channels of linear layers were multiplied with, by name of the layer.
        means: mean of the input channels of linear layers before the smoothing, by name of the layer.
    """

    by_tensor: Mapping[str, Range]
    model_sha256: str
    samples_sha256: str
    samples: int
    smoothing: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    means: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)

    def __getitem__(self, tensor: str) -> Range:
        return self.by_tensor[tensor]

    def check_model(self, model_sha256: str) -> None:
        """Check that the ranges are those of a model.

        Raises:
            InputError: they were measured with another one.
        """
        if self.model_sha256 != model_sha256:
            raise InputError(
                f"the ranges are of another model ({self.model_sha256[:12]}..., this one is {model_sha256[:12]}...): "
                "calibrate again"
            )

    def to_json(self) -> dict[str, object]:
        """Return the document of a file of ranges."""
        return {
            "format": FORMAT,
            "model_sha256": self.model_sha256,
            "samples_sha256": self.samples_sha256,
            "samples": self.samples,
            "ranges": {tensor: dataclasses.asdict(each) for tensor, each in self.by_tensor.items()},
            "smoothing": {layer: list(factors) for layer, factors in self.smoothing.items()},
            "means": {layer: list(means) for layer, means in self.means.items()},
        }

    @staticmethod
    def from_json(document: object) -> "Ranges":
        """Read the document of a file of ranges.

        Raises:
            InputError: it is of another form, or a range is not a finite number above zero.
        """
        fields = _typed(document, dict, "the document")
        if fields.get("format") != FORMAT:
            raise InputError(f"ranges of format {fields.get('format')!r}, this version reads {FORMAT}: calibrate again")
        ranges = _typed(fields.get("ranges"), dict, "'ranges'")
        return Ranges(
            by_tensor={str(tensor): _range(str(tensor), each) for tensor, each in ranges.items()},
            model_sha256=_typed(fields.get("model_sha256"), str, "'model_sha256'"),
            samples_sha256=_typed(fields.get("samples_sha256"), str, "'samples_sha256'"),
            samples=_typed(fields.get("samples"), int, "'samples'"),
            smoothing=_vectors(fields, "smoothing", 1 / _LARGEST),
            means=_vectors(fields, "means", -_LARGEST),
        )


def save_ranges(ranges: Ranges, path: Path) -> None:
    """Write a file of ranges; the same ranges give the same bytes."""
    with new_file(path) as temporary:
        write_json(temporary, ranges.to_json())


def load_ranges(path: Path) -> Ranges:
    """Read a file of ranges.

    Raises:
        InputError: it cannot be read or is no file of ranges; the message has its name.
    """
    try:
        return Ranges.from_json(read_json(path, _MAX_BYTES))
    except (BundleError, InputError) as error:
        raise InputError(f"{path} cannot be used as ranges: {error}") from error


def _range(tensor: str, document: object) -> Range:
    fields = _typed(document, dict, f"the range of {tensor!r}")
    amax = _number(fields.get("amax"), SMALLEST_AMAX)
    if amax is None:
        raise InputError(
            f"the range of {tensor!r} ends at {str(fields.get('amax'))[:20]!r}, not at a number above zero: "
            "calibrate again"
        )
    return Range(amax, _typed(fields.get("observer"), str, f"the observer of {tensor!r}"))


def _vectors(fields: Mapping[str, object], key: str, least: float) -> dict[str, tuple[float, ...]]:
    vectors = {}
    for layer, document in _typed(fields.get(key), dict, f"{key!r}").items():
        found = [_number(each, least) for each in _typed(document, list, f"{key!r} of {layer!r}")]
        numbers = tuple(each for each in found if each is not None)
        if not found or len(numbers) < len(found):
            raise InputError(f"{key!r} of {layer!r} is not a list of numbers in their range: calibrate again")
        vectors[str(layer)] = numbers
    return vectors


def _number(value: object, least: float) -> float | None:
    """Return a number that float32 can hold and that is not below ``least``; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= _LARGEST:
        return None
    return float(value)


def _typed(value: object, kind: type[_T], what: str) -> _T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{what} is a {type(value).__name__}, not a {kind.__name__}: calibrate again")
    return value
