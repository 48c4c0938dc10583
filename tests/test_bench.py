"""The benchmark: statistics, order, sample, accuracy, fresh processes, report; nothing here depends on speed."""

import dataclasses
import gc
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.bench import Settings, run
from edgebert.bench.cold import cold_starts, probe
from edgebert.bench.contestants import Contestant
from edgebert.bench.intervals import ENOUGH, Estimate, estimate, percentiles
from edgebert.bench.report import ColdStart, Percentiles
from edgebert.bench.rounds import interleave, order
from edgebert.bench.rows import model_row, tokenizer_row
from edgebert.bench.workload import draw, make_workload, pick
from edgebert.bundle import BASELINE, MANIFEST, TOKENIZER, open_bundle
from edgebert.cli.bench_table import print_report
from edgebert.engines import open_session
from edgebert.errors import BundleError, EngineError, InputError
from edgebert.manifest import EmbedHead
from edgebert.tokenizer import Tokenizer

QUICK = Settings(rounds=3, starts=1, sample=8)
TIMES = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=60)


def table(values, rounds=1):
    return np.asarray(values, np.float64).reshape(rounds, -1)


# statistics


@given(TIMES)
def test_percentiles_equal_the_textbook(values):
    """Linear between the two nearest: position (n - 1) q of the sorted values."""
    ordered = sorted(values)
    for percent, found in zip((50, 90, 95, 99), percentiles(table(values)), strict=True):
        place = (len(ordered) - 1) * percent / 100
        low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
        assert found == pytest.approx(low + (high - low) * (place - math.floor(place)), rel=1e-9)


@given(TIMES)
@settings(max_examples=15)
def test_estimates_stay_within_the_data(values):
    found = estimate(percentiles, table(values))
    for one in found:
        assert min(values) <= one.value <= max(values)
        assert (one.low is None) == (len(values) < ENOUGH)
        if one.low is not None:
            assert min(values) <= one.low <= one.high <= max(values)
    assert [one.value for one in found] == sorted(one.value for one in found)


def test_the_interval_of_a_mean_is_the_known_one():
    """Crossed effects: var(mean) = var(rounds) / R + var(texts) / T, and the pigeonhole bootstrap estimates it."""
    generator = np.random.default_rng(1)
    rounds, texts = 40, 50
    times = 10 + generator.normal(0, 1, (rounds, 1)) + generator.normal(0, 2, (1, texts))
    (found,) = estimate(lambda one: np.array([one.mean()]), times)
    rows, columns = times.mean(axis=1), times.mean(axis=0)
    width = 2 * 1.96 * math.sqrt(rows.var() / rounds + columns.var() / texts)
    assert found.high - found.low == pytest.approx(width, rel=0.15)
    assert found.low < times.mean() < found.high


def test_drift_cancels_in_paired_ratios():
    generator = np.random.default_rng(2)
    times = generator.lognormal(0, 1, (10, 20)) * np.linspace(1, 3, 10)[:, None]
    (found,) = estimate(lambda a, b: np.array([np.median(b / a)]), times, 2.5 * times)
    assert (found.value, found.low, found.high) == pytest.approx((2.5, 2.5, 2.5))


def test_estimates_are_the_same_every_time():
    times = np.random.default_rng(3).lognormal(0, 1, (5, 9))
    assert estimate(percentiles, times) == estimate(percentiles, times)


def test_a_row_says_who_is_faster_and_how_much_is_done(embed_bundle):
    bundle = open_bundle(embed_bundle)
    reference = np.random.default_rng(4).lognormal(0, 1, (10, 4))  # milliseconds
    row = model_row(Contestant(bundle, "onnxruntime", 1, False), reference / 2, [3, 5, 7, 9], reference, None)
    assert row.times_faster.value == pytest.approx(2)
    assert row.texts_per_second.value == pytest.approx(40 / (reference.sum() / 2 / 1000))
    assert row.tokens_per_second.value == pytest.approx(240 / (reference.sum() / 2 / 1000))
    assert row.latency_ms.p50.value == pytest.approx(np.median(reference) / 2)
    own = model_row(Contestant(bundle, "onnxruntime", 1, True), reference, [3, 5, 7, 9], None, None)
    assert (own.times_faster, own.name) == (None, "FP32 (onnxruntime)")
    assert tokenizer_row(reference).p50.value == pytest.approx(np.median(reference))


# order


@given(st.integers(1, 5), st.integers(0, 40))
def test_every_round_has_every_contestant_once(contestants, number):
    assert sorted(order(contestants, number)) == list(range(contestants))


@pytest.mark.parametrize("contestants", [2, 3, 4])
def test_every_contestant_is_everywhere_equally_often(contestants):
    places = Counter(
        (place, one) for number in range(2 * contestants) for place, one in enumerate(order(contestants, number))
    )
    assert set(places.values()) == {2}


def test_two_contestants_alternate():
    assert [order(2, number) for number in range(4)] == [(0, 1), (1, 0), (1, 0), (0, 1)]


class Machine:
    """A machine whose clock moves only while a contestant runs, and whose speed drifts."""

    def __init__(self, costs):
        self.costs = costs
        self.now = 0
        self.calls = []

    def contestant(self, index):
        def answer(text):
            self.calls.append((index, text))
            self.now += self.costs[index] * (text + 1)

        return lambda: answer


def test_times_go_to_the_right_contestant_round_and_text():
    machine = Machine([3, 7, 11])
    ended = []
    times = interleave(
        [machine.contestant(index) for index in range(3)],
        texts=4,
        rounds=5,
        clock=lambda: machine.now,
        on_round=lambda: ended.append(len(machine.calls)),
    )
    expected = np.array([3, 7, 11])[:, None, None] * np.arange(1, 5)[None, None, :]
    assert (times == np.broadcast_to(expected, (3, 5, 4))).all()
    assert ended == [24, 48, 72, 96, 120]


def test_a_text_is_answered_by_all_before_the_next():
    machine = Machine([1, 1])
    interleave([machine.contestant(0), machine.contestant(1)], texts=3, rounds=2, clock=lambda: machine.now)
    woken = machine.calls[0::2]
    assert (
        woken == machine.calls[1::2]
    )  # every timed run follows an untimed one of the same contestant on the same text
    assert woken == [
        *((0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)),
        *((1, 0), (0, 0), (1, 1), (0, 1), (1, 2), (0, 2)),
    ]


def test_contestants_are_opened_afresh_in_the_order_of_the_round():
    opened = []

    def contestant(index):
        def start():
            opened.append(index)
            return lambda text: None

        return start

    interleave([contestant(index) for index in range(2)], texts=2, rounds=4)
    assert opened == [0, 1, 1, 0, 1, 0, 0, 1]


def test_garbage_collection_rests_during_rounds_and_comes_back():
    seen = []
    interleave([lambda: lambda text: seen.append(gc.isenabled())], texts=1, rounds=1)
    assert seen == [False, False] and gc.isenabled()

    def fail(text):
        raise EngineError("broken")

    with pytest.raises(EngineError):
        interleave([lambda: fail], texts=1, rounds=1)
    assert gc.isenabled()


# sample


@given(st.lists(st.integers(), max_size=80), st.integers(1, 90))
def test_pick_takes_the_middle_of_equal_parts(items, count):
    found = pick(items, count)
    assert len(found) == min(count, len(items))
    if count == 1 and items:
        assert found == [items[len(items) // 2]]
    places = iter(items)
    assert all(any(item == other for other in places) for item in found)  # in the order of the items


@given(st.integers(0, 300), st.integers(1, 50))
def test_draw_keeps_items_of_the_stream(size, count):
    found, read = draw(iter(range(size)), count)
    assert read == size
    assert len(set(found)) == len(found) == min(size, count)
    assert set(found) <= set(range(size))
    assert draw(iter(range(size)), count) == (found, read)


def test_draw_gives_equal_chances():
    hits = Counter(item // 1000 for item in draw(iter(range(10_000)), 2000)[0])
    assert all(150 < hits[tenth] < 250 for tenth in range(10))  # 200 each, 4 standard deviations are 50


def test_the_sample_has_the_lengths_of_the_source(embed_bundle):
    tokenizer = Tokenizer.from_file(open_bundle(embed_bundle).file(TOKENIZER))
    texts = ["play " * (number % 20) + "music" for number in range(400)]
    workload = make_workload(texts, "here", 20, tokenizer, max_tokens=16)
    assert sorted(workload.tokens) == sorted(min(16, 3 + number) for number in range(20))
    assert (workload.facts.read, workload.facts.used, workload.facts.cut) == (400, 20, 6)
    assert (workload.facts.tokens_least, workload.facts.tokens_most) == (3, 16)
    for text, (ids, mask, types) in zip(workload.texts, workload.inputs, strict=True):
        assert ids.tolist() == [list(tokenizer.encode(text, max_length=16).ids)]
        assert mask.all() and not types.any()
    lengths = [len(tokenizer.encode(text, max_length=16).ids) for text in workload.spread(5)]
    assert (len(lengths), lengths[0], lengths[-1]) == (5, 13, 16)
    assert sorted(workload.spread(99)) == sorted(workload.texts)


def test_one_text_is_enough(embed_bundle):
    tokenizer = Tokenizer.from_file(open_bundle(embed_bundle).file(TOKENIZER))
    workload = make_workload(["stop"], "here", 64, tokenizer, max_tokens=16)
    assert workload.spread(16) == ["stop"]


# fresh processes


def job(bundle, **changes):
    values = {
        "bundle": str(bundle),
        "engine": "onnxruntime",
        "threads": 1,
        "baseline": False,
        "texts": ["stop", "play"],
    }
    return {**values, **changes}


def test_a_fresh_process_measures(embed_bundle):
    found = probe(job(embed_bundle))
    assert all(found[name] > 0 for name in ("import_ms", "open_ms", "first_answer_ms"))
    if Path("/proc/self/status").exists():
        assert 0 < found["start_bytes"] < found["opened_bytes"] <= found["answered_bytes"] <= found["peak_bytes"]


def test_why_a_fresh_process_failed_is_said(embed_bundle, tmp_path):
    with pytest.raises(EngineError, match=r"there is no bundle at .*nowhere"):
        probe(job(tmp_path / "nowhere"))
    with pytest.raises(EngineError, match="there is no engine 'steam'"):
        probe(job(embed_bundle, engine="steam"))


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; sys.exit('no memory left')", "status 1: no memory left"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "status -9: it said nothing"),
    ],
)
def test_a_process_that_dies_is_reported(tmp_path, program, reason):
    (tmp_path / "__main__.py").write_text(program, encoding="utf-8")
    with pytest.raises(EngineError, match=reason):
        probe(job("anywhere"), tmp_path)


def test_one_failing_job_leaves_the_others(embed_bundle, tmp_path):
    calls = []
    good, bad = cold_starts([job(embed_bundle), job(tmp_path / "nowhere")], 2, lambda: calls.append(1))
    assert good.processes == 2
    assert isinstance(bad, EngineError)
    assert len(calls) == 4


# the whole


def keys(value, path=""):
    """The paths of all keys of a JSON document; rows of a list are one path."""
    if isinstance(value, dict):
        return {path} | {one for key, inner in value.items() for one in keys(inner, f"{path}/{key}")}
    if isinstance(value, list):
        return {path} | {one for inner in value for one in keys(inner, f"{path}/*")}
    return {path}


ESTIMATE = ("value", "low", "high")
PERCENTILES = {f"{name}/{part}" for name in ("p50", "p90", "p95", "p99") for part in ESTIMATE}
LEAVES = {
    "format",
    "baseline",
    "threads",
    "rounds",
    "edgebert",
    *(f"bundle/{name}" for name in ("name", "task", "target", "precision", "bytes")),
    "bundle/scheme/onnxruntime",
    *(f"bundle/stated_accuracy/onnxruntime/{name}" for name in ("cosine_mean", "texts")),
    *(f"texts/{name}" for name in ("source", "read", "used", "cut", "tokens_median", "tokens_least", "tokens_most")),
    *(f"tokenizer_us/{name}" for name in PERCENTILES),
    *(f"rows/*/{name}" for name in ("name", "engine", "precision", "is_baseline", "model_bytes")),
    *(f"rows/*/latency_ms/{name}" for name in PERCENTILES),
    *(
        f"rows/*/{name}/{part}"
        for name in ("tokens_per_second", "texts_per_second", "times_faster")
        for part in ESTIMATE
    ),
    *(
        f"rows/*/accuracy/{name}"
        for name in ("cosine_min", "cosine_mean", "agreement", "score_difference_mean", "score_difference_max")
    ),
    *(f"rows/*/cold_start/{name}" for name in ("processes", "import_ms", "open_ms", "first_answer_ms")),
    *(f"rows/*/cold_start/{name}_bytes" for name in ("start", "opened", "answered", "peak")),
    *(f"device/{name}" for name in ("cpu", "architecture", "logical_cpus", "allowed_cpus", "cpu_limit")),
    *(f"device/memory_{name}_bytes" for name in ("available", "limit")),
    *(f"device/{name}" for name in ("memory_bytes", "board", "chip", "l4t", "jetpack", "power_mode", "os", "kernel")),
    *(f"device/{name}" for name in ("gpu", "compute_capability", "driver", "cuda", "tensorrt")),
    *(f"device/{name}" for name in ("python", "numpy", "onnxruntime", "features/*")),
}


def test_the_report_of_an_encoder(embed_bundle):
    steps = []
    report = run(embed_bundle, QUICK, lambda *step: steps.append(step))
    own, baseline = report.rows
    assert (own.name, baseline.name) == ("INT8 (onnxruntime)", "FP32 (onnxruntime)")
    assert report.baseline == baseline.name
    assert own.times_faster is not None and baseline.times_faster is None
    assert 0.9 < own.accuracy.cosine_min <= own.accuracy.cosine_mean < 1
    assert report.not_measured == ()
    manifest = open_bundle(embed_bundle).manifest
    assert report.bundle.bytes == sum(file.bytes for file in manifest.files.values())
    assert baseline.model_bytes == manifest.files[BASELINE].bytes
    assert report.texts.read == 400
    assert steps[-1] == ("cold starts", 2, 2) and ("rounds", 3, 3) in steps


def test_the_document_has_every_key(embed_bundle):
    document = json.loads(json.dumps(run(embed_bundle, QUICK).to_json(), allow_nan=False))
    every = keys(document)
    leaves = {path.lstrip("/") for path in every if not any(other.startswith(path + "/") for other in every)}
    leaves -= {"rows/*/times_faster", "rows/*/accuracy", "not_measured", "device/features"}  # None or empty here
    assert leaves - {"device/features/*"} == LEAVES - {"device/features/*"}


def test_times_are_consistent(embed_bundle):
    for row in run(embed_bundle, QUICK).rows:
        values = [getattr(row.latency_ms, name).value for name in ("p50", "p90", "p95", "p99")]
        assert values == sorted(values) and values[0] > 0
        assert 0 < row.texts_per_second.value < row.tokens_per_second.value


def test_the_report_of_a_classifier(classify_bundle):
    own, baseline = run(classify_bundle, QUICK).rows
    assert 0 <= own.accuracy.agreement <= 1
    assert own.accuracy.cosine_mean is None and baseline.accuracy is None


def test_an_fp32_bundle_has_no_baseline_but_itself(make_bundle):
    report = run(make_bundle(EmbedHead("mean", True), int8=False), QUICK)
    assert [row.name for row in report.rows] == ["FP32 (onnxruntime)"]
    assert (report.baseline, report.rows[0].times_faster, report.rows[0].accuracy) == (None, None, None)
    assert [note.why for note in report.not_measured] == ["the bundle is FP32 itself"]


def without_baseline(folder: Path) -> Path:
    document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    del document["files"][BASELINE]
    (folder / BASELINE).unlink()
    (folder / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
    return folder


def test_a_slim_bundle_says_why_there_is_no_baseline(own_bundle):
    report = run(without_baseline(own_bundle), QUICK)
    assert len(report.rows) == 1
    assert "without --slim" in report.not_measured[0].why


def test_no_baseline_when_none_is_asked_for(embed_bundle):
    report = run(embed_bundle, dataclasses.replace(QUICK, baseline="none"))
    assert len(report.rows) == 1
    assert report.not_measured[0].why == "no baseline was asked for"


def test_an_engine_that_is_missing_is_a_note_and_not_an_end(own_bundle):
    document = json.loads((own_bundle / MANIFEST).read_text(encoding="utf-8"))
    document["engines"] = ["steam", "onnxruntime"]
    for field in ("scheme", "tolerance", "accuracy"):
        document[field]["steam"] = document[field]["onnxruntime"]
    (own_bundle / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
    report = run(own_bundle, QUICK)
    assert [row.engine for row in report.rows] == ["onnxruntime", "onnxruntime"]
    assert [note.what for note in report.not_measured] == ["INT8 (steam)", "FP32 (steam)"]
    document["engines"] = ["steam"]
    (own_bundle / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(EngineError, match="'steam'"):
        run(own_bundle, QUICK)


def test_few_timings_have_no_interval(embed_bundle, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("stop\n\nplay music\n", encoding="utf-8")
    report = run(embed_bundle, dataclasses.replace(QUICK, texts=file))
    assert (report.texts.read, report.texts.used) == (2, 2)
    assert report.rows[0].latency_ms.p50.low is None
    assert report.not_measured[-1].what == "95 % intervals"


def test_a_column_of_a_table(embed_bundle, tmp_path):
    file = tmp_path / "texts.csv"
    file.write_text("id,said\n1,stop\n2,play music\n", encoding="utf-8")
    assert run(embed_bundle, dataclasses.replace(QUICK, texts=file, column="said")).texts.used == 2
    with pytest.raises(InputError, match="column"):
        run(embed_bundle, dataclasses.replace(QUICK, texts=file))


# bad input


def test_bad_choices_are_refused(embed_bundle, tmp_path):
    for name, value in (("rounds", 0), ("rounds", True), ("sample", 0), ("starts", -1), ("rounds", 10**9)):
        with pytest.raises(InputError, match=f"{name} is {value!r}: give a whole number from 1"):
            Settings(**{name: value})
    with pytest.raises(InputError, match="there is no baseline 'int4': choose one of fp32, none"):
        Settings(baseline="int4")
    with pytest.raises(InputError, match="threads is 0"):
        run(embed_bundle, Settings(threads=0))
    with pytest.raises(BundleError, match="there is no bundle"):
        run(tmp_path / "nowhere", QUICK)
    with pytest.raises(EngineError, match="there is no engine 'steam'"):
        run(embed_bundle, Settings(engine="steam"))


@pytest.mark.parametrize("content", ["", "\n \n\t\n"])
def test_a_file_without_text_is_refused(embed_bundle, tmp_path, content):
    file = tmp_path / "texts.txt"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="holds no text"):
        run(embed_bundle, dataclasses.replace(QUICK, texts=file))


def test_a_damaged_baseline_is_an_error_and_not_a_note(own_bundle):
    with (own_bundle / BASELINE).open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match="bytes, the manifest says"):
        run(own_bundle, QUICK)


def test_the_baseline_runs_with_the_same_threads(embed_bundle, monkeypatch):
    seen = []

    def spy(bundle, engine, threads, baseline=False):
        seen.append((engine, threads, baseline))
        return open_session(bundle, engine, threads, baseline)

    monkeypatch.setattr("edgebert.bench.contestants.open_session", spy)
    run(embed_bundle, dataclasses.replace(QUICK, threads=2))
    # once to see that they open, and once in each of three rounds
    assert Counter(seen) == {("onnxruntime", 2, False): 4, ("onnxruntime", 2, True): 4}


# command line


def test_the_table_for_people(embed_bundle, run_cli):
    done = run_cli("bench", embed_bundle, "--rounds", 2)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert max(map(len, lines)) <= 100
    text = " ".join(done.stdout.decode().split())
    for part in ("p50", "p99", "tokens/s", "baseline", "cosine", "memory", "tokenizer", "Texts: 64 of 400", "2 rounds"):
        assert part in text
    assert b"rounds: done" in done.stderr


def test_a_hostile_name_cannot_move_the_cursor(embed_bundle, capsys):
    report = run(embed_bundle, QUICK)
    facts = dataclasses.replace(report.bundle, name="\x1b[2J[red]evil[/red]", stated_accuracy={"x": {"a\nb": "\r\x07"}})
    print_report(dataclasses.replace(report, bundle=facts))
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\r\x07")
    assert "\\x1b[2J[red]evil[/red]: INT8" in out and "a\\nb" in out


def test_tables_of_large_models_fit(embed_bundle, capsys):
    report = run(embed_bundle, QUICK)
    slow = Estimate(12345.6, 10234.5, 23456.7)
    cold = ColdStart(3, 1234.5, 12345.6, 12345.6, 10**7, 10**10, 10**10, 10**10)
    rows = [
        dataclasses.replace(
            row,
            latency_ms=Percentiles(slow, slow, slow, slow),
            tokens_per_second=Estimate(123456.0, 102345.0, 234567.0),
            texts_per_second=Estimate(0.08, 0.04, 0.09),
            cold_start=cold,
            model_bytes=10**10,
        )
        for row in report.rows
    ]
    print_report(dataclasses.replace(report, rows=tuple(rows)))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    assert "12346 ms" in out and "10234-23457" in out and "10000 MB" in out
    assert "…" not in out


def test_the_document_for_programs(classify_bundle, run_cli):
    done = run_cli("bench", classify_bundle, "--rounds", 1, "--json", "--quiet")
    assert (done.returncode, done.stderr) == (0, b"")
    document = json.loads(done.stdout)
    assert (document["format"], document["rounds"], len(document["rows"])) == (1, 1, 2)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere"], 1),
        (["BUNDLE", "--rounds", "0"], 1),
        (["BUNDLE", "--threads", "0"], 2),
        (["BUNDLE", "--baseline", "int4"], 1),
        (["BUNDLE", "--engine", "steam"], 1),
        (["BUNDLE", "--texts", "nowhere.txt"], 1),
    ],
)
def test_bad_input_is_one_line(embed_bundle, run_cli, arguments, code):
    done = run_cli("bench", *(embed_bundle if argument == "BUNDLE" else argument for argument in arguments))
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.startswith(b"edgebert: ") and done.stderr.count(b"\n") == 1
