"""The rules, a file a subject. Importing this package registers all of them."""

from edgebert.export.lint.rules import attention, graph, pairs, placement, scales, types, weights, zero_points

SUBJECTS = (graph, types, zero_points, scales, weights, pairs, placement, attention)  # as docs/lint.md orders them
