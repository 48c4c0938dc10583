"""From weights and samples to a plan whose activation ranges are fixed at export."""

from edgebert.export.static.plan import StaticOptions, plan_static

__all__ = ["StaticOptions", "plan_static"]
