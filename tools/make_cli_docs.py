"""Write docs/cli.md from what `edgebert --help` says; with --check, fail where the file is stale."""

import os
import subprocess
import sys
from pathlib import Path

from generated import write_or_check

from edgebert.cli import app

TARGET = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
HEAD = """\
# Command line

<!-- written by tools/make_cli_docs.py: do not edit -->

`edgebert VERB ...` writes answers to stdout and words to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage,
130 interrupted. An error is one line; `edgebert --debug VERB ...` shows where it came from.

Texts come from arguments, from `--file`, or from stdin. Files are UTF-8 and are read piece by piece, so they may be
larger than memory:

| format | a text is | notes |
|---|---|---|
| `.txt` | a line | an empty line is an empty text |
| `.csv` | the column `text` of a row | comma, header line, fields may be quoted and span lines |
| `.tsv` | the column `text` of a row | tab, header line, quotes are ordinary characters |
| `.jsonl` | the field `text` of a JSON object, one a line | |

`classify` also reads pairs, from the columns `text` and `text_pair` or `text_a` and `text_b`; `answer` reads `question`
and `context`. Each text gives one row of the output, in the order of the input; an output file gets its name only when
all of it is written.
"""


def help_of(*verb: str) -> str:
    """Return what `edgebert VERB --help` prints on a terminal of 80 columns."""
    shown = subprocess.run(
        [sys.executable, "-m", "edgebert.cli", *verb, "--help"],
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())


def page() -> str:
    """Return the whole page."""
    verbs = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
    parts = [HEAD, f"```text\n{help_of()}\n```\n"]
    parts += [f"## edgebert {verb}\n\n```text\n{help_of(verb)}\n```\n" for verb in verbs]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, page, __doc__))
