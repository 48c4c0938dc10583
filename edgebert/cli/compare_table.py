"""A comparison as a table for people."""

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgebert.cli.words import printable

if TYPE_CHECKING:  # it needs the extra "train"
    from edgebert.export.compare import ComparisonReport
    from edgebert.export.compare.table import Cell

_WIDTH = 132  # columns where the output is no terminal


def print_comparison(report: "ComparisonReport") -> None:
    """Write the table and the conditions to stdout."""
    from edgebert.export.compare.table import HEAD, cells_of, conditions

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1))
    for number, name in enumerate(HEAD):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in cells_of(report):
        table.add_row(*map(_text, row))
    console.print(table)
    for line in conditions(report):
        console.print()
        console.print(Text(printable(line)))


def _text(cell: "Cell") -> Text:
    text = Text(printable(cell.value))
    for part in cell.note.split("; ") if cell.note else ():
        text.append(f"\n{printable(part)}", style="dim")
    return text
