"""What a comparison found."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from edgebert.accuracy.difference import Difference
from edgebert.bench.intervals import Estimate
from edgebert.bench.report import Note, TextFacts
from edgebert.device import Device

FORMAT = 1  # of the JSON document; grows when a field changes its meaning or goes


@dataclasses.dataclass(frozen=True)
class Score:
    """A metric on the test data, in points (hundredths).

    Attributes:
        value: of the model.
        low: lower end of its 95 % interval.
        high: upper end.
        drop: against the teacher in FP32; None for that itself.
    """

    value: float
    low: float
    high: float
    drop: Difference | None


@dataclasses.dataclass(frozen=True)
class Seeds:
    """Points of each seed in their order, their mean and their standard deviation, which is 0 of one seed."""

    scores: tuple[float, ...]
    mean: float
    deviation: float

    @classmethod
    def of(cls, scores: Sequence[float]) -> "Seeds":
        """Summarize at least one."""
        return cls(tuple(scores), statistics.fmean(scores), statistics.stdev(scores) if len(scores) > 1 else 0.0)


@dataclasses.dataclass(frozen=True)
class Measured:
    """A model in one precision.

    Attributes:
        engine: that ran it.
        score: on the test data.
        seeds: the same metric over all seeds.
        latency_ms: median time of an answer, from text to label or vector.
        times_faster: median of the time of the teacher in FP32 over this one's, text by text; None for that itself.
        model_bytes: of the file that the engine opens.
    """

    engine: str
    score: Score
    seeds: Seeds
    latency_ms: Estimate
    times_faster: Estimate | None
    model_bytes: int


@dataclasses.dataclass(frozen=True)
class Row:
    """The teacher, a student, or the mean of word vectors.

    Attributes:
        name: "teacher", the name of a student, or "static".
        bundle: name of its folder beside the report; None where it has none.
        settings: of its distillation that are its own.
        layers: of its encoder.
        width: of its vectors.
        parameters: how many numbers it was trained to.
        seed: that was kept, the best on the dev data; None for what is no student.
        fp32: in FP32.
        int8: in INT8.
        on_front: whether no other row is as fast and as accurate in INT8, and better in one of them.
    """

    name: str
    bundle: str | None
    settings: Mapping[str, object]
    layers: int
    width: int
    parameters: int
    seed: int | None
    fp32: Measured
    int8: Measured
    on_front: bool


@dataclasses.dataclass(frozen=True)
class ComparisonReport:
    """A whole comparison.

    Attributes:
        task: what all rows do.
        metric: that they are compared by.
        teacher: name of the checkpoint.
        test: where the test data is from.
        test_sha256: of its texts and of what is expected.
        test_texts: how many there are.
        rows: the teacher first, then the students in their order, then the word vectors.
        timed: the test texts that were timed.
        threads: for one answer.
        rounds: times that each text was timed.
        not_measured: what is missing, and why.
        device: this machine.
        edgebert: version.
    """

    task: str
    metric: str
    teacher: str
    test: str
    test_sha256: str
    test_texts: int
    rows: tuple[Row, ...]
    timed: TextFacts
    threads: int
    rounds: int
    not_measured: tuple[Note, ...]
    device: Device
    edgebert: str

    def to_json(self) -> dict[str, object]:
        """Return the document of ``comparison.json``."""
        return {"format": FORMAT, **dataclasses.asdict(self)}
