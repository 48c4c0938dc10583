"""Accuracy of static INT8 for a Jetson against FP32, and against what other tools make of the same graph.

    python benchmarks/static_int8.py stsb ../shared/data/stsb [--model CHECKPOINT]
    python benchmarks/static_int8.py labels ../shared/data/clinc150 --model CHECKPOINT

The folder holds test.jsonl, and train.jsonl for "labels": {"text_a": ..., "text_b": ..., "score": ...} or {"text": ...,
"label": ...} a line. Calibrated on the built-in texts (stsb) or on the train split (labels), never on the test split;
all tools get the same samples and the same FP32 graph, the one that `edgebert export --target jetson --jetpack 6` makes
its INT8 graph of. Every graph is run by ONNX Runtime on this CPU.

NNCF brings many packages, so it is run by a Python of its own: --nncf /path/to/python, where `pip install nncf onnx`
was done. Without it, its row says so.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from commands import read_jsonl
from onnxruntime.quantization import CalibrationMethod, quantize_static
from scipy.stats import spearmanr

from edgebert.accuracy.paired import share_interval
from edgebert.calibration import Sample, draw_texts, open_source
from edgebert.export.canonical import FLOAT, build
from edgebert.export.canonical.dialects import TENSORRT_8_6
from edgebert.export.checkpoint import Checkpoint, load_checkpoint
from edgebert.export.lower.weights import read_weights
from edgebert.export.mix import Mix
from edgebert.export.static import StaticMaker, StaticOptions, measure
from edgebert.export.tokens import samples_of, write_tokenizer
from edgebert.tokenizer import Tokenizer

# by entropy ONNX Runtime keeps all activations of all samples until the end, which must all have the same length
ENTROPY_SAMPLES, ENTROPY_TOKENS = 64, 32
NNCF = Path(__file__).with_name("static_int8_nncf.py")

Answers = list[np.ndarray]
Feed = dict[str, np.ndarray]


def answers(graph: bytes, samples: Sequence[Sample]) -> Answers:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return [session.run(None, sample.feed())[0][0] for sample in samples]


def edgebert_graphs(checkpoint: Checkpoint, samples: Sequence[Sample]) -> Iterator[tuple[str, bytes]]:
    weights = read_weights(checkpoint)
    measured = measure(weights, samples, TENSORRT_8_6.weight_limit, checkpoint.weights_sha256)
    for name, everything in (("edgebert, linear layers", False), ("edgebert, with residual and attention", True)):
        maker = StaticMaker(weights, measured, samples, StaticOptions(TENSORRT_8_6, everything, everything))
        print(f"{name}: {maker.settings[0]}", file=sys.stderr)
        yield name, maker.make(Mix(maker.settings[0])).content


def onnxruntime_graph(exact: Path, feeds: Iterable[Feed], method: CalibrationMethod) -> bytes:
    rest = iter(feeds)
    reader = type("Reader", (), {"get_next": lambda self: next(rest, None)})()
    output = exact.with_name("onnxruntime.onnx")
    quantize_static(exact, output, reader, calibrate_method=method)
    return output.read_bytes()


def padded(feed: Feed) -> Feed:
    """Return a feed that is cut or padded to one length, as those who use this calibrator do."""
    cut = {name: ids[:, :ENTROPY_TOKENS] for name, ids in feed.items()}
    return {name: np.pad(ids, ((0, 0), (0, ENTROPY_TOKENS - ids.shape[1]))) for name, ids in cut.items()}


def nncf_graph(python: Path, exact: Path, samples: Sequence[Sample]) -> bytes:
    output, feeds = exact.with_name("nncf.onnx"), exact.with_name("feeds.npz")
    rows = {f"{number}.{name}": ids for number, sample in enumerate(samples) for name, ids in sample.feed().items()}
    np.savez(feeds, **rows)
    subprocess.run([python, NNCF, exact, feeds, output], check=True, stdout=sys.stderr)
    return output.read_bytes()


def graphs(checkpoint: Checkpoint, samples: Sequence[Sample], nncf: Path | None) -> Iterator[tuple[str, bytes | str]]:
    """Yield the name of each way to quantize and its graph, or why there is none."""
    exact = bytes(build(read_weights(checkpoint), FLOAT, TENSORRT_8_6).SerializeToString())
    yield "FP32", exact
    yield from edgebert_graphs(checkpoint, samples)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exact.onnx"
        onnx.save(onnx.load_from_string(exact), path)
        feeds = [sample.feed() for sample in samples]
        yield "onnxruntime quantize_static", onnxruntime_graph(path, feeds, CalibrationMethod.MinMax)
        few = [padded(feed) for feed in feeds[:: max(1, len(feeds) // ENTROPY_SAMPLES)]]
        yield "onnxruntime quantize_static, entropy, padded", onnxruntime_graph(path, few, CalibrationMethod.Entropy)
        name = "NNCF quantize, transformer"
        yield name, "not measured: give --nncf" if nncf is None else nncf_graph(nncf, path, samples)


def pooled(rows: Answers) -> np.ndarray:
    vectors = np.stack([row.mean(axis=0) for row in rows])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def stsb(rows: list[dict[str, object]], exact: Answers, found: Answers) -> dict[str, object]:
    first, second = pooled(exact), pooled(found)
    cosines = (first * second).sum(axis=1)
    halves = (second[: len(rows)] * second[len(rows) :]).sum(axis=1)
    return {
        "Spearman x100": round(100 * float(spearmanr(halves, [row["score"] for row in rows]).statistic), 2),
        "cosine mean": round(float(cosines.mean()), 4),
        "cosine lowest": round(float(cosines.min()), 4),
    }


def labels(names: Sequence[str]) -> Callable[[list[dict[str, object]], Answers, Answers], dict[str, object]]:
    def measure_labels(rows: list[dict[str, object]], exact: Answers, found: Answers) -> dict[str, object]:
        expected = [str(row["label"]) for row in rows]
        was, is_now = (
            np.array([names[int(scores.argmax())] == label for scores, label in zip(each, expected, strict=True)])
            for each in (exact, found)
        )
        lost, won = int((was & ~is_now).sum()), int((is_now & ~was).sum())
        low, high = share_interval(lost, won, len(rows))
        return {
            "accuracy": round(100 * float(is_now.mean()), 2),
            "drop": round(100 * (lost - won) / len(rows), 2),
            "95 % interval of the drop": f"{100 * low:.2f} to {100 * high:.2f}",
            "same label": round(
                100 * float(np.mean([a.argmax() == b.argmax() for a, b in zip(exact, found, strict=True)])), 2
            ),
        }

    return measure_labels


def calibration(tokenizer: Tokenizer, source: str, max_tokens: int) -> tuple[Sample, ...]:
    return tuple(samples_of(tokenizer, draw_texts(*open_source(source)).chosen, max_tokens))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["stsb", "labels"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", help="checkpoint; without it the MiniLM of the demo extra")
    parser.add_argument("--nncf", type=Path, metavar="PYTHON", help="a Python that has nncf")
    parser.add_argument("--limit", type=int, help="test rows; without it all")
    arguments = parser.parse_args()
    rows = read_jsonl(arguments.data / "test.jsonl")[: arguments.limit]
    checkpoint = load_checkpoint(arguments.model, "embed" if arguments.task == "stsb" else "classify", "model")
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = write_tokenizer(checkpoint, Path(folder))
    columns = ("text_a", "text_b") if arguments.task == "stsb" else ("text",)
    limit = checkpoint.shape.max_tokens
    tests = list(samples_of(tokenizer, [str(row[column]) for column in columns for row in rows], limit))
    source = "builtin" if arguments.task == "stsb" else str(arguments.data / "train.jsonl")
    learned = calibration(tokenizer, source, limit)
    judge = stsb if arguments.task == "stsb" else labels(getattr(checkpoint.head, "labels", ()))
    print(f"{len(tests)} test texts, {len(learned)} for calibration from {Path(source).name}", flush=True)
    exact: Answers = []
    for name, graph in graphs(checkpoint, learned, arguments.nncf):
        if isinstance(graph, str):
            print(json.dumps({"graph": name, "result": graph}), flush=True)
            continue
        found = answers(graph, tests)
        exact = exact or found
        print(json.dumps({"graph": name, **judge(rows, exact, found)}), flush=True)


if __name__ == "__main__":
    main()
