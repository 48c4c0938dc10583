"""Graphs whose activation ranges are fixed at export."""

from edgebert.export.static.maker import StaticMaker
from edgebert.export.static.plan import StaticOptions

__all__ = ["StaticMaker", "StaticOptions"]
