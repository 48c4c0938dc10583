"""The whole benchmark: open, answer, time in rounds, start cold, report."""

import dataclasses
import importlib.resources
import itertools
import os
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

import edgebert
from edgebert.accuracy import Accuracy, compare
from edgebert.bench.cold import cold_starts
from edgebert.bench.contestants import Contestant, Field, find_field
from edgebert.bench.intervals import ENOUGH
from edgebert.bench.probe.__main__ import Job
from edgebert.bench.report import BenchReport, BundleFacts, ColdStart, Note, Percentiles, Row
from edgebert.bench.rounds import Run, interleave
from edgebert.bench.rows import model_row, tokenizer_row
from edgebert.bench.settings import Settings
from edgebert.bench.workload import Workload, make_workload
from edgebert.bundle import TOKENIZER, Bundle, open_bundle
from edgebert.device import this_device
from edgebert.golden import model_outputs
from edgebert.texts import Record, as_pairs, read_records, read_texts
from edgebert.tokenizer import Tokenizer

_COLD_TEXTS = 16  # texts that a fresh process answers before its memory is read

Progress = Callable[[str, int, int], None]  # stage, steps done, steps of this stage


@dataclasses.dataclass(frozen=True)
class _Raced:
    """What the rounds left behind once the models are closed."""

    rows: tuple[Row, ...]
    baseline: str | None
    tokenizer_us: Percentiles
    workload: Workload
    notes: tuple[Note, ...]


def run(
    path: str | os.PathLike[str],
    settings: Settings | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> BenchReport:
    """Compare a bundle with its FP32 baseline on this machine.

    Args:
        path: the bundle.
        settings: what to do; None takes the defaults.
        progress: told of each step.

    Raises:
        BundleError: the bundle is missing or damaged.
        EngineError: no engine runs the bundle.
        MissingExtraError: its engine is not installed.
        InputError: the texts cannot be read, or there are none.
    """
    settings = settings or Settings()
    bundle = open_bundle(path)
    raced = _race(bundle, settings, progress)
    # the models are closed by now: their memory is free for the fresh processes
    rows, cold_notes = _with_cold_starts(bundle, settings, raced, progress)
    return BenchReport(
        bundle=_facts(bundle),
        rows=rows,
        baseline=raced.baseline,
        tokenizer_us=raced.tokenizer_us,
        texts=raced.workload.facts,
        threads=settings.threads,
        rounds=settings.rounds,
        not_measured=(*raced.notes, *cold_notes),
        device=this_device(),
        edgebert=edgebert.__version__,
    )


def _race(bundle: Bundle, settings: Settings, progress: Progress) -> _Raced:
    progress("opening", 0, 1)
    field = find_field(bundle, settings)
    tokenizer = Tokenizer.from_file(bundle.file(TOKENIZER))
    source = "built-in texts" if settings.texts is None else os.fspath(settings.texts)
    texts: Iterator[Record] = _texts(settings)
    if bundle.manifest.task == "answer":
        texts = as_pairs(texts if settings.texts is None else read_records(settings.texts))
    workload = make_workload(texts, source, settings.sample, tokenizer, bundle.manifest.shape.max_tokens)
    progress("opening", 1, 1)
    accuracies = _accuracies(bundle, field, workload, progress)
    times = _times(bundle, settings, field, workload, progress)
    milliseconds = times / 1e6
    baseline = field.reference
    rows = tuple(
        model_row(
            contestant,
            milliseconds[place],
            workload.tokens,
            None if baseline in (None, place) else milliseconds[baseline],
            accuracies[place],
        )
        for place, contestant in enumerate(field.contestants)
    )
    name = None if baseline is None else field.contestants[baseline].name
    notes = field.notes
    if times[0].size < ENOUGH:
        notes = (*notes, Note("95 % intervals", f"they need {ENOUGH} timings, there are {times[0].size}"))
    return _Raced(rows, name, tokenizer_row(times[-1] / 1e3), workload, notes)


def _times(
    bundle: Bundle, settings: Settings, field: Field, workload: Workload, progress: Progress
) -> npt.NDArray[np.int64]:
    """Time all contestants and, as the last, the tokenizer: int64 [contestants + 1, rounds, texts] nanoseconds."""
    done = itertools.count(1)
    return interleave(
        [*(_model_run(contestant, workload) for contestant in field.contestants), _tokenizer_run(bundle, workload)],
        len(workload.texts),
        settings.rounds,
        on_round=lambda: progress("rounds", next(done), settings.rounds),
    )


def _texts(settings: Settings) -> Iterator[str]:
    """Yield the texts that are not blank."""
    if settings.texts is not None:
        yield from filter(str.strip, read_texts(settings.texts, column=settings.column))
        return
    with importlib.resources.as_file(importlib.resources.files("edgebert") / "data" / "texts.txt") as path:
        yield from filter(str.strip, read_texts(path))


def _accuracies(bundle: Bundle, field: Field, workload: Workload, progress: Progress) -> list[Accuracy | None]:
    """Let every contestant answer every text, one after the other, and compare the answers with the baseline's."""
    if field.reference is None:
        return [None] * len(field.contestants)
    found = []
    for place, contestant in enumerate(field.contestants):
        found.append(model_outputs(contestant.load(), workload.texts))
        progress("accuracy", place + 1, len(field.contestants))
    return [
        None if place == field.reference else compare(bundle.manifest.head, own, found[field.reference])
        for place, own in enumerate(found)
    ]


def _model_run(contestant: Contestant, workload: Workload) -> Callable[[], Run]:
    def opened() -> Run:
        session, inputs = contestant.session(), workload.inputs
        return lambda text: session.run(*inputs[text])

    return opened


def _tokenizer_run(bundle: Bundle, workload: Workload) -> Callable[[], Run]:
    def opened() -> Run:
        tokenizer = Tokenizer.from_file(bundle.file(TOKENIZER))
        texts, most = workload.texts, bundle.manifest.shape.max_tokens
        parts = [(text, None) if isinstance(text, str) else text for text in texts]
        return lambda text: tokenizer.encode(*parts[text], max_length=most)

    return opened


def _with_cold_starts(
    bundle: Bundle, settings: Settings, raced: _Raced, progress: Progress
) -> tuple[tuple[Row, ...], list[Note]]:
    texts = [text if isinstance(text, str) else list(text) for text in raced.workload.spread(_COLD_TEXTS)]
    jobs = [
        Job(bundle=str(bundle.path), engine=row.engine, threads=settings.threads, baseline=row.is_baseline, texts=texts)
        for row in raced.rows
    ]
    total = len(jobs) * settings.starts
    done = itertools.count(1)
    found = cold_starts(jobs, settings.starts, lambda: progress("cold starts", next(done), total))
    rows, notes = [], []
    for row, cold in zip(raced.rows, found, strict=True):
        if isinstance(cold, ColdStart):
            rows.append(dataclasses.replace(row, cold_start=cold))
        else:
            rows.append(row)
            notes.append(Note(f"cold start and memory of {row.name}", str(cold)))
    return tuple(rows), notes


def _facts(bundle: Bundle) -> BundleFacts:
    manifest = bundle.manifest
    return BundleFacts(
        name=manifest.name,
        task=manifest.task,
        target=manifest.target,
        precision=manifest.precision,
        scheme=dict(manifest.scheme),
        bytes=sum(entry.bytes for entry in manifest.files.values()),
        stated_accuracy={engine: dict(numbers) for engine, numbers in manifest.accuracy.items()},
    )
