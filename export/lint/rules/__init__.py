"""The rules, a file a subject. Importing this package registers all of them."""

from edgebert.export.lint.rules import attention, graph, pairs, placement, scales, types, weights, zero_points

__all__ = ["attention", "graph", "pairs", "placement", "scales", "types", "weights", "zero_points"]
