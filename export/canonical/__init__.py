"""The canonical graph: one builder of a BERT in standard operators, in the dialect of the engine that will read it.

`build` is the entry; a `Plan` says what is INT8, a `Dialect` says how the engine wants it written.
"""

from edgebert.export.canonical.build import build
from edgebert.export.canonical.dialects import Dialect, dialect_named
from edgebert.export.canonical.plan import FLOAT, LinearPlan, Plan

__all__ = ["FLOAT", "Dialect", "LinearPlan", "Plan", "build", "dialect_named"]
