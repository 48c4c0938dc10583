"""Typed fields out of a JSON object that nobody vouches for."""

from typing import TypeVar, cast

from edgebert.errors import BundleError

_T = TypeVar("_T")
_Self = TypeVar("_Self", bound="Fields")


class Fields:
    """Takes typed fields out of one JSON object; ``where`` says which object in messages.

    Every method raises `BundleError` for a field that is missing, of the wrong type or out of range.
    """

    def __init__(self, document: object, where: str) -> None:
        self.where = where
        if not isinstance(document, dict):
            raise BundleError(f"{where} must be a JSON object, not {type(document).__name__}")
        self.document = cast("dict[str, object]", document)

    def format(self, newest: int) -> None:
        """Refuse a document whose format is newer than the newest that this version reads."""
        number = self.integer("format", 1, 1 << 31)
        if number > newest:
            raise BundleError(
                f"{self.where} has format {number}; this edgebert reads up to {newest}: "
                "upgrade edgebert or export again"
            )

    def child(self: _Self, key: str) -> _Self:
        """Return the fields of an object that is a field."""
        return type(self)(self.get(key, dict), f"{self.where}: {key}")

    def get(self, key: str, kind: type[_T]) -> _T:
        """Return a field of a type; a bool is no int."""
        if key not in self.document:
            raise BundleError(f"{self.where}: field {key!r} is missing")
        value = self.document[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BundleError(f"{self.where}: field {key!r} must be {kind.__name__}, not {type(value).__name__}")
        return value

    def text(self, key: str) -> str:
        """Return a text."""
        return self.get(key, str)

    def integer(self, key: str, least: int, most: int) -> int:
        """Return a whole number within limits."""
        value = self.get(key, int)
        if not least <= value <= most:
            raise BundleError(f"{self.where}: field {key!r} is {str(value)[:40]}, it must be from {least} to {most}")
        return value

    def number(self, key: str) -> float:
        """Return a number from 0 to 1e9."""
        value = self.document.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e9:
            raise BundleError(f"{self.where}: field {key!r} must be a number from 0 to 1e9, not {str(value)[:40]}")
        return float(value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Return a text that is one of several."""
        value = self.text(key)
        if value not in choices:
            raise BundleError(f"{self.where}: field {key!r} is {value[:40]!r}, it must be one of {', '.join(choices)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts that is not empty."""
        values = self.get(key, list)
        if not values or not all(isinstance(value, str) for value in values):
            raise BundleError(f"{self.where}: field {key!r} must be a list of texts with at least one entry")
        return tuple(cast("list[str]", values))
