"""The ranges of activations, and a file that keeps them so that the model need not be run again."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from edgebert.calibration.observers import LEVELS, SMALLEST_AMAX
from edgebert.errors import BundleError, InputError
from edgebert.files import new_file, read_json, write_json

_T = TypeVar("_T")

FORMAT = 1  # of the file
_MAX_BYTES = 64 << 20


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
    """Ranges by name of the tensor, and the hashes of the model and the samples that they were measured with."""

    by_tensor: Mapping[str, Range]
    model_sha256: str
    samples_sha256: str
    samples: int

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
    amax = fields.get("amax")
    if isinstance(amax, bool) or not isinstance(amax, (int, float)) or not math.isfinite(amax) or amax < SMALLEST_AMAX:
        raise InputError(f"the range of {tensor!r} ends at {amax!r}, not at a number above zero: calibrate again")
    return Range(float(amax), _typed(fields.get("observer"), str, f"the observer of {tensor!r}"))


def _typed(value: object, kind: type[_T], what: str) -> _T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{what} is a {type(value).__name__}, not a {kind.__name__}: calibrate again")
    return value
