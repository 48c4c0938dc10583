"""What a benchmark found. None means "not measured"; `BenchReport.not_measured` says why."""

import dataclasses
from collections.abc import Mapping

from edgebert.accuracy import Accuracy
from edgebert.bench.intervals import Estimate
from edgebert.device import Device

FORMAT = 1  # of the JSON document; grows when a field changes its meaning or goes


@dataclasses.dataclass(frozen=True)
class Percentiles:
    """Percentiles of the times of single answers."""

    p50: Estimate
    p90: Estimate
    p95: Estimate
    p99: Estimate


@dataclasses.dataclass(frozen=True)
class ColdStart:
    """Medians over fresh processes; memory is resident memory."""

    processes: int
    import_ms: float  # import edgebert and numpy
    open_ms: float  # load the engine's library, check and open the bundle's files
    first_answer_ms: float
    start_bytes: int | None  # the interpreter alone
    opened_bytes: int | None
    answered_bytes: int | None
    peak_bytes: int | None


@dataclasses.dataclass(frozen=True)
class Row:
    """One contestant."""

    name: str
    engine: str
    precision: str
    is_baseline: bool
    latency_ms: Percentiles  # of one session.run on one text
    tokens_per_second: Estimate
    texts_per_second: Estimate
    times_faster: Estimate | None  # median of the baseline's time over this one's, text by text
    accuracy: Accuracy | None
    cold_start: ColdStart | None
    model_bytes: int


@dataclasses.dataclass(frozen=True)
class BundleFacts:
    """What the bundle says about itself."""

    name: str
    task: str
    target: str
    precision: str
    scheme: Mapping[str, str]  # by engine
    bytes: int  # all files of the manifest
    stated_accuracy: Mapping[str, Mapping[str, float | int | str]]  # by engine: what the export measured


@dataclasses.dataclass(frozen=True)
class TextFacts:
    """The texts that were answered."""

    source: str
    read: int  # texts in the source
    used: int
    cut: int  # used texts that are longer than the model takes
    tokens_median: float  # special tokens included
    tokens_least: int
    tokens_most: int


@dataclasses.dataclass(frozen=True)
class Note:
    """Why something was not measured."""

    what: str
    why: str


@dataclasses.dataclass(frozen=True)
class BenchReport:
    """A whole benchmark."""

    bundle: BundleFacts
    rows: tuple[Row, ...]
    baseline: str | None  # name of the row that `times_faster` and `accuracy` refer to
    tokenizer_us: Percentiles  # one Tokenizer.encode of one text
    texts: TextFacts
    threads: int
    rounds: int
    not_measured: tuple[Note, ...]
    device: Device
    edgebert: str

    def to_json(self) -> dict[str, object]:
        """Return the document that `edgebert bench --json` prints."""
        return {"format": FORMAT, **dataclasses.asdict(self)}
