"""What the activations of a model look like on real texts, and what follows from that for INT8."""

from edgebert.calibration.collect import Sample, channel_maxima, run_graph
from edgebert.calibration.samples import SAMPLES, choose_texts
from edgebert.calibration.smooth import smoothing_factors

__all__ = ["SAMPLES", "Sample", "channel_maxima", "choose_texts", "run_graph", "smoothing_factors"]
