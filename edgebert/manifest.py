"""The manifest of a bundle: what it is, how it was made, and the hash of every file in it."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import TypeVar, cast

from edgebert.errors import BundleError

FORMAT = 1
TASKS = ("embed", "classify")
PRECISIONS = ("int8", "fp32")
POOLINGS = ("mean", "cls", "max")
PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_SHAPE_LIMITS = {  # far more than any BERT has
    "layers": 1 << 10,
    "hidden": 1 << 16,
    "heads": 1 << 10,
    "intermediate": 1 << 20,
    "vocabulary": 1 << 24,
    "max_tokens": 1 << 16,
}
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Shape:
    """The sizes of a BERT encoder."""

    architecture: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocabulary: int
    max_tokens: int  # longest input, special tokens included; longer texts are cut


@dataclasses.dataclass(frozen=True)
class EmbedHead:
    """How token vectors become a text vector."""

    pooling: str
    normalize: bool


@dataclasses.dataclass(frozen=True)
class ClassifyHead:
    """What the logits mean."""

    labels: tuple[str, ...]
    problem_type: str


@dataclasses.dataclass(frozen=True)
class FileEntry:
    """Size in bytes and SHA-256 of one file."""

    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The content of ``edgebert.json``; ``docs/bundle-format.md`` describes every field."""

    name: str
    task: str
    target: str
    precision: str
    engines: tuple[str, ...]  # in the order in which load() tries them
    scheme: Mapping[str, str]  # by engine: how INT8 is done, for example "w7a8-token"; "fp32" where it is not
    shape: Shape
    head: EmbedHead | ClassifyHead
    tolerance: Mapping[str, float]  # by engine: largest difference of an output from its golden value, see verify
    accuracy: Mapping[str, Mapping[str, float | int | str]]  # by engine
    provenance: Mapping[str, str]
    files: Mapping[str, FileEntry]
    gate: Mapping[str, Mapping[str, float | int | str]] = dataclasses.field(default_factory=dict)  # by engine
    float_layers: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)  # by engine, layer: why

    def to_json(self) -> dict[str, object]:
        """Return the document that ``edgebert.json`` holds."""
        return {"format": FORMAT, **dataclasses.asdict(self)}


def parse_manifest(document: object, where: str) -> Manifest:
    """Turn the JSON of ``edgebert.json`` into a manifest, trusting nothing.

    Args:
        document: what the JSON parser returned.
        where: the path of the file, for messages.

    Raises:
        BundleError: a field is missing, of the wrong type or out of range, or the format is newer than this version's.
    """
    return _Reader(document, where).manifest()


class _Reader:
    """Takes typed fields out of one JSON object; ``where`` says which object in messages."""

    def __init__(self, document: object, where: str) -> None:
        self.where = where
        if not isinstance(document, dict):
            raise BundleError(f"{where} must be a JSON object, not {type(document).__name__}")
        self.document = cast("dict[str, object]", document)

    def manifest(self) -> Manifest:
        number = self.integer("format", 1, 1 << 31)
        if number > FORMAT:
            raise BundleError(
                f"{self.where} has format {number}; this edgebert reads up to {FORMAT}: "
                "upgrade edgebert or export again"
            )
        task = self.choice("task", TASKS)
        engines = self.texts("engines")
        return Manifest(
            name=self.text("name"),
            task=task,
            target=self.text("target"),
            precision=self.choice("precision", PRECISIONS),
            engines=engines,
            scheme={engine: self.child("scheme").text(engine) for engine in engines},
            shape=self.child("shape").shape(),
            head=self.child("head").embed_head() if task == "embed" else self.child("head").classify_head(),
            tolerance={engine: self.child("tolerance").number(engine) for engine in engines},
            accuracy={engine: self.child("accuracy").child(engine).scalars() for engine in engines},
            provenance=self.child("provenance").strings(),
            files=self.child("files").files(),
            gate={engine: gate.scalars() for engine, gate in self.by_engine("gate", engines)},
            float_layers={engine: layers.strings() for engine, layers in self.by_engine("float_layers", engines)},
        )

    def by_engine(self, key: str, engines: tuple[str, ...]) -> Iterator[tuple[str, "_Reader"]]:
        """Yield what an optional field says of the engines that it names."""
        if key in self.document:
            field = self.child(key)
            yield from ((engine, field.child(engine)) for engine in engines if engine in field.document)

    def shape(self) -> Shape:
        sizes = {name: self.integer(name, 1, most) for name, most in _SHAPE_LIMITS.items()}
        return Shape(architecture=self.text("architecture"), **sizes)

    def embed_head(self) -> EmbedHead:
        return EmbedHead(self.choice("pooling", POOLINGS), self.get("normalize", bool))

    def classify_head(self) -> ClassifyHead:
        labels = self.texts("labels")
        if len(set(labels)) != len(labels):
            raise BundleError(f"{self.where}: labels must differ from each other")
        return ClassifyHead(labels, self.choice("problem_type", PROBLEM_TYPES))

    def files(self) -> dict[str, FileEntry]:
        for name in self.document:
            if not _FILE_NAME.fullmatch(name):
                raise BundleError(f"{self.where}: {name[:80]!r} is not a plain file name inside the bundle")
        return {name: self.child(name).file_entry() for name in self.document}

    def file_entry(self) -> FileEntry:
        digest = self.text("sha256")
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise BundleError(f"{self.where}: field 'sha256' is {digest[:80]!r}, not 64 hexadecimal digits")
        return FileEntry(self.integer("bytes", 0, 1 << 40), digest)

    def strings(self) -> dict[str, str]:
        return {key: self.text(key) for key in self.document}

    def scalars(self) -> dict[str, float | int | str]:
        for key, value in self.document.items():
            if isinstance(value, bool) or not isinstance(value, (int, float, str)):
                raise BundleError(f"{self.where}: field {key!r} must be a number or a text, not {type(value).__name__}")
        return cast("dict[str, float | int | str]", dict(self.document))

    def child(self, key: str) -> "_Reader":
        return _Reader(self.get(key, dict), f"{self.where}: {key}")

    def get(self, key: str, kind: type[_T]) -> _T:
        if key not in self.document:
            raise BundleError(f"{self.where}: field {key!r} is missing")
        value = self.document[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BundleError(f"{self.where}: field {key!r} must be {kind.__name__}, not {type(value).__name__}")
        return value

    def text(self, key: str) -> str:
        return self.get(key, str)

    def integer(self, key: str, least: int, most: int) -> int:
        value = self.get(key, int)
        if not least <= value <= most:
            raise BundleError(f"{self.where}: field {key!r} is {str(value)[:40]}, it must be from {least} to {most}")
        return value

    def number(self, key: str) -> float:
        value = self.document.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e9:
            raise BundleError(f"{self.where}: field {key!r} must be a number from 0 to 1e9, not {str(value)[:40]}")
        return float(value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in choices:
            raise BundleError(f"{self.where}: field {key!r} is {value[:40]!r}, it must be one of {', '.join(choices)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.get(key, list)
        if not values or not all(isinstance(value, str) for value in values):
            raise BundleError(f"{self.where}: field {key!r} must be a list of texts with at least one entry")
        return tuple(cast("list[str]", values))
