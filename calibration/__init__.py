"""What the activations of a model look like on real texts, and what follows from that for INT8."""

from edgebert.calibration.collect import (
    Channels,
    Observers,
    channel_maxima,
    channel_statistics,
    collect,
    collect_all,
    kind_of,
    run_graph,
)
from edgebert.calibration.observers import MSE, Entropy, MinMax, MovingAverage, Observer, Percentile, observer_named
from edgebert.calibration.ranges import Range, Ranges, load_ranges, save_ranges
from edgebert.calibration.report import CalibrationReport, TensorReport, calibrate
from edgebert.calibration.samples import SAMPLES, Drawn, Sample, Samples, check_lengths, draw_texts, evenly
from edgebert.calibration.smooth import smoothing_factors
from edgebert.calibration.sources import BUILTIN, builtin_texts, open_source

__all__ = [
    "BUILTIN",
    "MSE",
    "SAMPLES",
    "CalibrationReport",
    "Channels",
    "Drawn",
    "Entropy",
    "MinMax",
    "MovingAverage",
    "Observer",
    "Observers",
    "Percentile",
    "Range",
    "Ranges",
    "Sample",
    "Samples",
    "TensorReport",
    "builtin_texts",
    "calibrate",
    "channel_maxima",
    "channel_statistics",
    "check_lengths",
    "collect",
    "collect_all",
    "draw_texts",
    "evenly",
    "kind_of",
    "load_ranges",
    "observer_named",
    "open_source",
    "run_graph",
    "save_ranges",
    "smoothing_factors",
]
