"""Let built engines answer the golden texts: who is right, and who is faster."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from edgebert.bench.rounds import Run, interleave
from edgebert.bundle import GOLDEN, Bundle
from edgebert.engines import Session
from edgebert.engines.tensorrt import TensorRtSession
from edgebert.errors import EdgebertError
from edgebert.golden import Golden, parse_golden
from edgebert.loader import make_task
from edgebert.tensorrt.library import TENSORRT, Library
from edgebert.tensorrt.plan import BuildPlan, read_plan
from edgebert.verify import compare

_ROUNDS = 5


def judge(
    bundle: Bundle, library: Library, engines: Mapping[str, Path], report: Callable[[float], None]
) -> Mapping[str, object]:
    """Check the answers of each engine and time those that are right, in turn on the same texts.

    Returns:
        by precision: ``largest_difference`` from the golden answers, and ``milliseconds``, the median over texts and
        rounds of one text alone; or ``error``, why the engine must not be used.
    """
    plan = read_plan(bundle)
    golden = parse_golden(bundle.json(GOLDEN), str(bundle.path / GOLDEN))
    found: dict[str, dict[str, object]] = {}
    for precision, path in engines.items():
        try:
            model = make_task(bundle, TensorRtSession(path, bundle.manifest, plan, library))
            result = compare(model, golden, bundle.manifest.tolerance[TENSORRT])
            found[precision] = {"largest_difference": result.largest_difference}
        except EdgebertError as error:
            found[precision] = {"error": str(error)}
    right = [precision for precision in engines if "error" not in found[precision]]
    if right:
        done = iter(range(1, _ROUNDS + 1))
        runs = [_opener(bundle, library, plan, engines[precision], golden) for precision in right]
        times = interleave(runs, len(golden.texts), _ROUNDS, on_round=lambda: report(next(done) / _ROUNDS))
        for precision, nanoseconds in zip(right, times, strict=True):
            found[precision]["milliseconds"] = float(np.median(nanoseconds)) / 1e6
    return {"engines": found}


def _opener(bundle: Bundle, library: Library, plan: BuildPlan, path: Path, golden: Golden) -> Callable[[], Run]:
    rows = [np.array([ids], np.int32) for ids in golden.input_ids]

    def open_engine() -> Run:
        session: Session = TensorRtSession(path, bundle.manifest, plan, library)
        return lambda text: session.run(rows[text], np.ones_like(rows[text]))

    return open_engine
