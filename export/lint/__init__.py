"""Check an ONNX graph against what TensorRT accepts and runs well, without TensorRT.

Rules are functions in `rules/`, one a rule; `findings.RULES` lists them and docs/lint.md explains them. `nvidia` asks
NVIDIA's own parser, in a process of its own.
"""

from collections.abc import Sequence
from pathlib import Path

import onnx

from edgebert.errors import CheckpointError
from edgebert.export.lint import rules as _rules  # noqa: F401  (registers the rules)
from edgebert.export.lint.findings import RULES, Finding, Rule
from edgebert.export.lint.read import check_references, read_model
from edgebert.export.lint.source import Source, source_of
from edgebert.export.lint.view import View
from edgebert.export.platforms import Platform, platform_named

__all__ = [
    "RULES",
    "Finding",
    "Platform",
    "Rule",
    "Source",
    "check",
    "lint",
    "lint_file",
    "platform_named",
    "source_of",
]


def lint(
    model: onnx.ModelProto, platform: Platform, *, folder: Path | None = None, max_tokens: int | None = None
) -> list[Finding]:
    """Return what is wrong with a graph for a platform, errors first.

    Args:
        model: the graph.
        platform: the boards and releases that it must serve, see `edgebert.export.platforms.platform_named`.
        folder: where the graph's external data lies.
        max_tokens: the longest input, where that is known; fused INT8 attention has a limit.

    Raises:
        InputError: the model holds no graph, or its nodes read what nobody made.
    """
    check_references(model, "the graph")
    view = View(model, folder, max_tokens)
    found = [finding for rule in RULES.values() for finding in rule.findings(view, platform)]
    return sorted(found, key=lambda finding: finding.severity)  # stable: by rule within each severity


def lint_file(source: Source, platform: Platform) -> list[Finding]:
    """Lint a graph in a file.

    Raises:
        InputError: the file cannot be read, see `edgebert.export.lint.read.read_model`.
    """
    model = read_model(source.file)
    return lint(model, platform, folder=source.file.parent, max_tokens=source.max_tokens)


def check(model: onnx.ModelProto, platform: Platform, max_tokens: int | None = None) -> Sequence[Finding]:
    """Lint a graph that is about to be written and return the warnings.

    Raises:
        CheckpointError: the graph breaks a rule whose severity is error.
    """
    found = lint(model, platform, max_tokens=max_tokens)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        first = errors[0]
        raise CheckpointError(
            f"the graph breaks {len(errors)} rules of {platform}, first {first.rule} at {first.node}: {first.why}"
        )
    return found
