"""Write the three forms of a comparison."""

from pathlib import Path

from edgebert.export.compare.plot import draw
from edgebert.export.compare.report import ComparisonReport
from edgebert.export.compare.table import markdown
from edgebert.files import write_json

JSON, MARKDOWN, PICTURE = "comparison.json", "comparison.md", "comparison.png"


def write_report(report: ComparisonReport, folder: Path) -> None:
    """Write JSON for programs, Markdown and a picture for people into a folder."""
    write_json(folder / JSON, report.to_json())
    (folder / MARKDOWN).write_text(markdown(report), encoding="utf-8")
    draw(report, folder / PICTURE)
