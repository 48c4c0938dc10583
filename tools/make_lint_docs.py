"""Write docs/lint.md from the rules of the lint; with --check, fail where the file is stale."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from generated import write_or_check

from edgebert.export.lint import RULES, Rule
from edgebert.export.lint.rules import SUBJECTS
from edgebert.export.platforms import BOARDS, JETPACKS, release_of

TARGET = Path(__file__).resolve().parents[1] / "docs" / "lint.md"
HEAD = """\
# Lint

<!-- written by tools/make_lint_docs.py: do not edit -->

    edgebert lint my.bundle                                   # for every release that its plan names
    edgebert lint model.onnx --target jetson --jetpack 6      # any ONNX file
    edgebert lint model.onnx --tensorrt 10.3 --json
    edgebert lint model.onnx --build                          # NVIDIA's own parser and builder too

The lint reads a graph as TensorRT would and needs neither TensorRT nor a GPU. An **error** means that a release which
the JetPack carries rejects the graph or computes other numbers; a **warning** means that it runs slower or less exactly
than it could. Exit code 1 where there is an error. `edgebert export` runs the lint on every graph for a Jetson and
writes none that has an error. In Python:

    from edgebert.export.lint import lint, platform_named
    findings = lint(onnx.load("model.onnx"), platform_named("jetson", jetpack=6))
"""
PARSER = """\
## NVIDIA's parser

`--with-parser` and `--build` ask the parser and the builder of TensorRT-RTX, the one member of the family that works
without a GPU: `pip install "edgebert[tensorrt-check]"`, on Linux x86-64, about 100 MB under NVIDIA's licence. They run
in a process of their own. A graph that passes is read by NVIDIA's newest parser and becomes an engine. It is not known
from this

- that TensorRT 8.5, 8.6 or 10.3 take it: their opsets, operators and INT8 weights are narrower, and only the rules
  below speak about them, from the documentation and the sources of those parsers;
- where INT8 is placed on the device, or that it is faster there than FP16: `edgebert prepare` measures that on the
  device;
- that the numbers are right: the rules marked *silent* are errors that this parser takes without a word. A wrong axis
  on a square weight is the most dangerous of them.

Nothing here was run on a Jetson.
"""
COUNT = """\
## Rules

There are {count}. *Silent* means that NVIDIA's newest parser takes what breaks the rule.
"""


def platforms() -> str:
    """Return the table of JetPacks and what their releases take."""
    lines = ["| JetPack | boards | TensorRT | opsets |", "|---|---|---|---|"]
    for jetpack, versions in JETPACKS.items():
        boards = ", ".join(board.name for board in BOARDS if jetpack in board.jetpacks)
        releases = [release_of(version) for version in versions]
        first, last = max(each.opsets[0] for each in releases), min(each.opsets[1] for each in releases)
        lines.append(f"| {jetpack} | {boards} | {', '.join(map(str, releases))} | {first} to {last} |")
    return "\n".join(lines) + "\n"


def entry(rule: Rule) -> str:
    """Return what is said about one rule."""
    silent = ", silent" if rule.silent else ""
    text = f"**`{rule.name}`** ({rule.severity}{silent}): {rule.title} {rule.reason} *Fix:* {rule.fix}."
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"


def subject(module: ModuleType) -> Iterator[str]:
    """Yield the section of one file of rules."""
    lines = (module.__doc__ or "").splitlines()
    yield f"### {lines[0].rstrip('.')}\n"
    yield from (entry(rule) for rule in RULES.values() if rule.check.__module__ == module.__name__)


def page() -> str:
    """Return the whole page."""
    rules = [
        f"## Rules\n\nThere are {len(RULES)}. *Silent* means that NVIDIA's newest parser takes what breaks the rule.\n"
    ]
    return "\n".join([HEAD, platforms(), PARSER, *rules, *(part for module in SUBJECTS for part in subject(module))])


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, page, __doc__))
