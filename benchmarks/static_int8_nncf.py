"""Quantize an ONNX graph with NNCF; `static_int8.py` runs this in a Python that has it.

python static_int8_nncf.py FP32.onnx FEEDS.npz OUTPUT.onnx
"""

import sys
from collections import defaultdict

import nncf
import numpy as np
import onnx


def main() -> None:
    exact, feeds, output = sys.argv[1:]
    samples: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for key, ids in np.load(feeds).items():
        number, name = key.split(".")
        samples[number][name] = ids
    model = nncf.quantize(
        onnx.load(exact),
        nncf.Dataset(list(samples.values())),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(samples),
    )
    onnx.save(model, output)


if __name__ == "__main__":
    main()
