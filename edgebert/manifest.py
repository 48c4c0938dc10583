"""The manifest of a bundle: what it is, how it was made, and the hash of every file in it."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import cast

from edgebert.errors import BundleError
from edgebert.fields import Fields

FORMAT = 1
TASKS = ("embed", "classify", "tag", "answer")
PRECISIONS = ("int8", "fp16", "fp32")
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
class TagHead:
    """What the logits of each token mean."""

    labels: tuple[str, ...]  # "O", "B-PER", "I-PER", ...


@dataclasses.dataclass(frozen=True)
class AnswerHead:
    """Each token has two logits: that an answer starts with it, and that it ends with it."""


Head = EmbedHead | ClassifyHead | TagHead | AnswerHead


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
    head: Head
    tolerance: Mapping[str, float]  # by engine: largest difference of an output from its golden value, see verify
    accuracy: Mapping[str, Mapping[str, float | int | str]]  # by engine
    provenance: Mapping[str, str]
    files: Mapping[str, FileEntry]
    gate: Mapping[str, Mapping[str, float | int | str]] = dataclasses.field(default_factory=dict)  # by engine
    float_layers: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)  # by engine, layer: why

    @property
    def output_width(self) -> int:
        """Numbers in an output: a vector's, labels, or a start and an end logit."""
        if isinstance(self.head, EmbedHead):
            return self.shape.hidden
        return 2 if isinstance(self.head, AnswerHead) else len(self.head.labels)

    @property
    def output_by_token(self) -> bool:
        """Whether a session has an output for each token, or one for each row."""
        return not isinstance(self.head, ClassifyHead)

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


class _Reader(Fields):
    def manifest(self) -> Manifest:
        self.format(FORMAT)
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
            head=self.child("head").head(task),
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

    def head(self, task: str) -> Head:
        if task == "embed":
            return EmbedHead(self.choice("pooling", POOLINGS), self.get("normalize", bool))
        if task == "classify":
            return ClassifyHead(self.labels(), self.choice("problem_type", PROBLEM_TYPES))
        return TagHead(self.labels()) if task == "tag" else AnswerHead()

    def labels(self) -> tuple[str, ...]:
        labels = self.texts("labels")
        if len(set(labels)) != len(labels):
            raise BundleError(f"{self.where}: labels must differ from each other")
        return labels

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
