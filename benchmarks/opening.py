"""Time from a file in the page cache to the first vector: the C library against onnxruntime, each in a fresh process.

    make library && python benchmarks/opening.py BUNDLE [--rounds 15]

The two take turns. The C library opens ``model.edgebert``, checks it, and embeds a text; onnxruntime opens the bundle's
``model.onnx`` with one thread and answers the same text's ids, without the time of imports and of the tokenizer.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import edgebert

TEXT = "turn on the light in the kitchen"
ROOT = Path(__file__).parents[1]
ONNXRUNTIME = """
import sys, time, numpy as np, onnxruntime as ort
path, ids = sys.argv[1], np.array([[int(i) for i in sys.argv[2].split(",")]], np.int32)
def high():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = high()
start = time.perf_counter()
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
opened = time.perf_counter()
feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
session.run(None, {i.name: feeds[i.name].astype("int64" if "64" in i.type else "int32") for i in session.get_inputs()})
print(1e3 * (opened - start), 1e3 * (time.perf_counter() - start), high() - before)
"""


def build(folder: Path) -> Path:
    """Compile the C program against build/library."""
    program, library = folder / "opening", ROOT / "build/library"
    command = ["cc", "-std=c99", "-O2", f"-I{ROOT}/edgebert/native/include", str(ROOT / "benchmarks/opening.c")]
    subprocess.run([*command, f"-L{library}", f"-Wl,-rpath,{library}", "-ledgebert", "-o", str(program)], check=True)
    return program


def measure(command: list[str]) -> list[float]:
    return [float(x) for x in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def main() -> None:
    """Print the medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    model, graph = arguments.bundle / "model.edgebert", arguments.bundle / "model.onnx"
    ids = edgebert.Tokenizer.from_file(arguments.bundle / "tokenizer.edgebert").encode(TEXT).ids
    with tempfile.TemporaryDirectory() as folder:
        ours = [str(build(Path(folder))), str(model), TEXT]
        theirs = [sys.executable, "-P", "-c", ONNXRUNTIME, str(graph), ",".join(map(str, ids))]
        rounds = [(measure(ours), measure(theirs)) for _ in range(arguments.rounds)]
    rows = [[statistics.median(column) for column in zip(*side, strict=True)] for side in zip(*rounds, strict=True)]
    print(f"{'':12} {'opened ms':>10} {'first vector ms':>16} {'resident MB':>12} {'file MB':>8}")
    for name, (opened, answered, resident), file in zip(
        ("C library", "onnxruntime"), rows, (model, graph), strict=True
    ):
        size = file.stat().st_size / 1e6
        print(f"{name:12} {opened:10.1f} {answered:16.1f} {resident * 1024 / 1e6:12.1f} {size:8.1f}")
    print(f"onnxruntime / C library: {rows[1][1] / rows[0][1]:.1f}")


if __name__ == "__main__":
    main()
