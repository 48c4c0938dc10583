"""Choose the smoothing and measure the ranges of a model."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edgebert.calibration import Sample, channel_maxima, collect, run_graph, smoothing_factors
from edgebert.export.canonical import FLOAT, LinearPlan, Plan, build
from edgebert.export.canonical.dialects import TAPPED, Dialect
from edgebert.export.canonical.plan import quantized_tensors, unsmoothed
from edgebert.export.graph import with_outputs
from edgebert.export.lower.weights import KINDS, Weights
from edgebert.export.smoothing import CANDIDATES, SMOOTHED, Alphas
