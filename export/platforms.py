"""What each TensorRT accepts, which of them a JetPack carries, and which boards run it.

Opsets and operators are those of `docs/operators.md` in onnx/onnx-tensorrt at 8.5, 8.6, 10.0 and 10.1 and of the
release notes after that; the types are those that the parsers of these releases assert. Nothing here needs TensorRT.
"""

import dataclasses
import re
from collections.abc import Sequence

from edgebert.errors import InputError

Version = tuple[int, int]


@dataclasses.dataclass(frozen=True, order=True)
class Release:
    """A release of TensorRT, as far as it decides what a graph may hold."""

    version: Version
    opsets: tuple[int, int]  # first and last

    def __str__(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def int8_initializers(self) -> bool:
        """Whether weights may be stored in INT8; before, the graph holds them in FP32 and quantizes them itself."""
        return self.version >= (10, 0)

    @property
    def float16_scales(self) -> bool:
        """Whether a scale may be FP16; before, the parser reads its bytes as FP32."""
        return self.version >= (10, 0)

    @property
    def int64(self) -> bool:
        """Whether INT64 is a type of its own; before, it is cast to INT32 with a warning."""
        return self.version >= (10, 0)

    @property
    def strongly_typed(self) -> bool:
        """Whether types are always literal: there is no flag that lets FP32 layers run in FP16."""
        return self.version >= (11, 0)


@dataclasses.dataclass(frozen=True)
class Board:
    """A family of Jetson boards."""

    name: str
    compute_capability: Version  # "SM"
    jetpacks: tuple[int, ...]

    def carries(self, version: Version) -> bool:
        """Whether a release of TensorRT lies within those that the JetPacks of this board carry."""
        first = min(JETPACKS[self.jetpacks[0]])
        last = max(JETPACKS[self.jetpacks[-1]])
        return first <= version and (version <= last or version[0] == last[0] == RELEASES[-1].version[0])


@dataclasses.dataclass(frozen=True)
class Platform:
    """The boards and the releases of TensorRT that one graph must serve."""

    board: Board
    releases: tuple[Release, ...]
    jetpack: int | None  # None where the release was named instead

    def __str__(self) -> str:
        of = f"JetPack {self.jetpack}, " if self.jetpack is not None else ""
        return f"{self.board.name}, {of}TensorRT {spoken(self.releases)}"

    @property
    def strongly_typed(self) -> bool:
        """Whether some release reads the graph's types literally."""
        return any(release.strongly_typed for release in self.releases)


RELEASES = (
    Release((8, 5), (7, 17)),
    Release((8, 6), (7, 17)),
    Release((10, 0), (9, 20)),
    Release((10, 3), (9, 20)),
    Release((10, 13), (9, 24)),
    Release((10, 14), (9, 24)),
    Release((10, 15), (9, 24)),
    Release((10, 16), (9, 24)),
    Release((11, 0), (9, 24)),
    Release((11, 4), (9, 24)),
)
JETPACKS: dict[int, tuple[Version, ...]] = {
    5: ((8, 5),),
    6: ((8, 6), (10, 3)),
    7: ((10, 13), (10, 16), (11, 4)),
}
BOARDS = (
    Board("jetson-orin", (8, 7), (5, 6, 7)),
    Board("jetson-xavier", (7, 2), (5,)),
    Board("jetson-thor", (11, 0), (7,)),
)
DEFAULT_JETPACK = {"jetson-orin": 6, "jetson-xavier": 5, "jetson-thor": 7}
NAMES = ("jetson", *(board.name for board in BOARDS))

# where TensorRT has one kernel for the whole of attention: "Multi-Head Attention Fusion" in NVIDIA's developer guide
ATTENTION_CAPABILITY = (7, 5)  # of the board, at least
ATTENTION_HEAD_SIZES = (16, 32, 64)  # in INT8
ATTENTION_HEAD_SIZES_FLOAT16 = range(16, 257, 8)  # before TensorRT 10.14
ATTENTION_TOKENS = 512  # at most, in INT8

_VERSION = re.compile(r"(\d{1,2})\.(\d{1,3})(\.\d+)*")


def platform_named(target: str = "jetson", jetpack: int | None = None, tensorrt: str | None = None) -> Platform:
    """Return what a graph for a target must serve.

    Args:
        target: ``jetson`` (the same as ``jetson-orin``), ``jetson-xavier`` or ``jetson-thor``.
        jetpack: 5, 6 or 7; None is the most common one of the board.
        tensorrt: a release such as ``"10.3"`` that is meant instead of all that the JetPack carries.

    Raises:
        InputError: there is no such target, JetPack or TensorRT, or the board does not run that JetPack.
    """
    board = _board(target)
    if jetpack is not None or tensorrt is None:
        jetpack = _jetpack(board, jetpack)
    if tensorrt is None:
        assert jetpack is not None
        return Platform(board, tuple(release_of(version) for version in JETPACKS[jetpack]), jetpack)
    release = release_of(_parsed(tensorrt))
    if not board.carries(release.version):
        raise InputError(
            f"TensorRT {release} does not exist for {board.name}: leave out --tensorrt or name its JetPack's"
        )
    return Platform(board, (release,), jetpack)


def fuses_int8_attention(platform: Platform, head_size: int, max_tokens: int) -> bool:
    """Return whether TensorRT has one INT8 kernel for attention; elsewhere INT8 splits it and is slower than FP16."""
    capable = platform.board.compute_capability >= ATTENTION_CAPABILITY
    return capable and head_size in ATTENTION_HEAD_SIZES and max_tokens <= ATTENTION_TOKENS


def release_of(version: Version) -> Release:
    """Return a release; one that is not listed is read like the last one before it.

    Raises:
        InputError: the version is older or newer than all that are known.
    """
    first, last = RELEASES[0], RELEASES[-1]
    if version < first.version:
        raise InputError(f"TensorRT {version[0]}.{version[1]} is too old: edgebert writes graphs for {first} and later")
    if version[0] > last.version[0]:
        raise InputError(f"TensorRT {version[0]}.{version[1]} is too new: edgebert knows {first} to {last}")
    known = max(release for release in RELEASES if release.version <= version)
    return dataclasses.replace(known, version=version)


def spoken(releases: Sequence[Release]) -> str:
    """Return releases as words: ``8.6 and 10.3``."""
    names = [str(release) for release in releases]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _board(target: str) -> Board:
    for board in BOARDS:
        if target == board.name or (target == "jetson" and board is BOARDS[0]):
            return board
    raise InputError(f"{target!r} does not run TensorRT: choose one of {', '.join(NAMES)}")


def _jetpack(board: Board, jetpack: int | None) -> int:
    if jetpack is None:
        return DEFAULT_JETPACK[board.name]
    if jetpack not in JETPACKS:
        known = ", ".join(map(str, JETPACKS))
        age = " carries TensorRT 8.2 or older, which lacks what explicit INT8 needs" if jetpack <= 4 else " is unknown"
        raise InputError(f"JetPack {jetpack}{age}: edgebert writes graphs for JetPack {known}")
    if jetpack not in board.jetpacks:
        known = ", ".join(map(str, board.jetpacks))
        raise InputError(f"JetPack {jetpack} does not exist for {board.name}: it runs JetPack {known}")
    return jetpack


def _parsed(text: str) -> Version:
    found = _VERSION.fullmatch(text)
    if not found:
        raise InputError(f"{text!r} is no version of TensorRT: write it like 10.3")
    return int(found[1]), int(found[2])
