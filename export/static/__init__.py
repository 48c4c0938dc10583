"""Graphs whose activation ranges are fixed at export."""

from edgebert.export.static.maker import StaticMaker
from edgebert.export.static.plan import OBSERVERS, StaticOptions, find_smoothing, measure, tapped_graph

__all__ = ["OBSERVERS", "StaticMaker", "StaticOptions", "find_smoothing", "measure", "tapped_graph"]
