"""The build plan of a bundle, ``plan.json``: which engines the device builds from it, and how."""

import dataclasses
import re
from collections.abc import Mapping

from edgebert.bundle import PLAN, Bundle
from edgebert.errors import BundleError
from edgebert.fields import Fields
from edgebert.tensorrt.version import Version, parse_version

FORMAT = 1
PRECISIONS = ("int8", "fp16")
FLAGS = ("int8", "fp16", "strongly_typed")

_MAX_PROFILES = 32
_MAX_BATCH = 1 << 10
_MAX_WORKSPACE = 1 << 40


@dataclasses.dataclass(frozen=True)
class Profile:
    """One exact input shape; TensorRT chooses its kernels for it."""

    batch: int
    tokens: int


@dataclasses.dataclass(frozen=True)
class PlannedModel:
    """A graph to build an engine from."""

    file: str
    flags: Mapping[int, tuple[str, ...]]  # by major version of TensorRT: those of FLAGS that the builder gets


@dataclasses.dataclass(frozen=True)
class BuildPlan:
    """The content of ``plan.json``; ``docs/bundle-format.md`` describes every field."""

    dialect: str
    opset: int
    oldest: Version  # of TensorRT that takes the graphs
    below: Version  # the first that does not
    models: Mapping[str, PlannedModel]  # by precision
    profiles: tuple[Profile, ...]  # tokens ascending
    workspace_bytes: int

    def to_json(self) -> dict[str, object]:
        """Return the document that ``plan.json`` holds."""
        return {
            "format": FORMAT,
            "dialect": self.dialect,
            "opset": self.opset,
            "tensorrt": {"from": str(self.oldest), "below": str(self.below)},
            "models": {
                precision: {
                    "file": model.file,
                    "flags": {str(major): list(flags) for major, flags in model.flags.items()},
                }
                for precision, model in self.models.items()
            },
            "profiles": [dataclasses.asdict(profile) for profile in self.profiles],
            "workspace_bytes": self.workspace_bytes,
        }


def read_plan(bundle: Bundle) -> BuildPlan:
    """Return the build plan of a bundle.

    Raises:
        BundleError: the bundle has none, it is damaged or hostile, or it does not fit the rest of the bundle.
    """
    if not bundle.has(PLAN):
        raise BundleError(
            f"{bundle.path} has no {PLAN}, it was exported for {bundle.manifest.target}: "
            "export it with --target jetson to run it on TensorRT"
        )
    plan = parse_plan(bundle.json(PLAN), str(bundle.path / PLAN))
    missing = next((model.file for model in plan.models.values() if not bundle.has(model.file)), None)
    if missing is not None:
        raise BundleError(
            f"{bundle.path / PLAN} names {missing[:80]!r}, which the bundle does not hold: export it again"
        )
    longest = plan.profiles[-1].tokens
    if longest != bundle.manifest.shape.max_tokens:
        raise BundleError(
            f"{bundle.path / PLAN} has profiles up to {longest} tokens, the model takes "
            f"{bundle.manifest.shape.max_tokens}: export it again"
        )
    return plan


def parse_plan(document: object, where: str) -> BuildPlan:
    """Turn the JSON of ``plan.json`` into a plan, trusting nothing.

    Args:
        document: what the JSON parser returned.
        where: the path of the file, for messages.

    Raises:
        BundleError: a field is missing, of the wrong type or out of range, or the format is newer than this version's.
    """
    return _Reader(document, where).plan()


class _Reader(Fields):
    def plan(self) -> BuildPlan:
        self.format(FORMAT)
        versions = self.child("tensorrt")
        oldest, below = versions.version("from"), versions.version("below")
        if not oldest < below:
            raise BundleError(f"{self.where}: the plan is for TensorRT from {oldest} to below {below}, which is none")
        return BuildPlan(
            dialect=self.text("dialect"),
            opset=self.integer("opset", 13, 99),
            oldest=oldest,
            below=below,
            models=self.child("models").models(),
            profiles=self.profiles(),
            workspace_bytes=self.integer("workspace_bytes", 1, _MAX_WORKSPACE),
        )

    def version(self, key: str) -> Version:
        version = parse_version(self.text(key))
        if version is None:
            raise BundleError(f"{self.where}: field {key!r} is {self.text(key)[:40]!r}, not a version such as '10.3'")
        return version

    def models(self) -> dict[str, PlannedModel]:
        unknown = next((name for name in self.document if name not in PRECISIONS), None)
        if unknown is not None or not self.document:
            raise BundleError(
                f"{self.where} must name one or both of {', '.join(PRECISIONS)}, not {str(unknown or 'none')[:40]!r}"
            )
        names = [name for name in PRECISIONS if name in self.document]
        return {name: self.child(name).model() for name in names}

    def model(self) -> PlannedModel:
        return PlannedModel(self.text("file"), self.child("flags").flags())

    def flags(self) -> dict[int, tuple[str, ...]]:
        found = {}
        for major in self.document:
            if not re.fullmatch(r"[1-9][0-9]?", major):
                raise BundleError(f"{self.where}: {major[:40]!r} is not a major version of TensorRT")
            flags = self.get(major, list)
            if not all(flag in FLAGS for flag in flags):
                raise BundleError(f"{self.where}: {major} must be a list of {', '.join(FLAGS)}")
            found[int(major)] = tuple(flags)
        return found

    def profiles(self) -> tuple[Profile, ...]:
        entries = self.get("profiles", list)
        if not 1 <= len(entries) <= _MAX_PROFILES:
            raise BundleError(f"{self.where}: field 'profiles' has {len(entries)} entries, not 1 to {_MAX_PROFILES}")
        readers = [_Reader(entry, f"{self.where}: profiles[{at}]") for at, entry in enumerate(entries)]
        profiles = tuple(
            Profile(reader.integer("batch", 1, _MAX_BATCH), reader.integer("tokens", 1, 1 << 16)) for reader in readers
        )
        tokens = [profile.tokens for profile in profiles]
        if tokens != sorted(set(tokens)):
            raise BundleError(f"{self.where}: the tokens of the profiles must grow, they are {tokens}")
        return profiles
