"""What a lint finds, and the registry of what it looks for.

To add a rule: one function in a file of `rules/`, under the decorator `rule`. Its docstring is its entry in
docs/lint.md, and tests/test_lint.py wants a graph that breaks it.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Literal

import onnx

from edgebert.export.lint.view import View, name_of
from edgebert.export.platforms import Platform

Severity = Literal["error", "warning"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A rule that a graph breaks at one node."""

    rule: str
    severity: Severity  # error: rejected, or wrong numbers; warning: slower or less exact than it could be
    node: str  # its name, or the tensor's or graph's where no node is to blame
    why: str
    fix: str


@dataclasses.dataclass(frozen=True)
class Hit:
    """Where a rule is broken and what was seen there."""

    node: str
    why: str


Check = Callable[[View, Platform], Iterator[Hit]]


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: in kebab-case.
        severity: see `Finding`.
        title: what must hold.
        reason: why.
        fix: what to do about a finding.
        silent: whether NVIDIA's newest parser takes a graph that breaks this rule though it is an error.
        check: what finds it.
    """

    name: str
    severity: Severity
    title: str
    reason: str
    fix: str
    silent: bool
    check: Check

    def findings(self, view: View, platform: Platform) -> Iterator[Finding]:
        """Yield what this rule has against a graph."""
        for hit in self.check(view, platform):
            yield Finding(self.name, self.severity, hit.node, hit.why, self.fix)


RULES: dict[str, Rule] = {}


def rule(name: str, severity: Severity, fix: str, *, silent: bool = False) -> Callable[[Check], Check]:
    """Register a function as a rule; its docstring gives the title and the reason, for the rest see `Rule`."""

    def register(check: Check) -> Check:
        title, _, reason = (check.__doc__ or "").partition("\n")
        RULES[name] = Rule(name, severity, title.strip(), " ".join(reason.split()), fix, silent, check)
        return check

    return register


def hit(node: onnx.NodeProto, why: str) -> Hit:
    """Return a hit at a node."""
    return Hit(name_of(node), why)
