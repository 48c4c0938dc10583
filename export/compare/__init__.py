"""Students of one teacher side by side: accuracy, latency and size. Read `run` first.

It needs what the extra "train" installs.
"""

from edgebert.export.compare.report import ComparisonReport
from edgebert.export.compare.run import compare_students
from edgebert.export.compare.settings import CompareStudents, read_settings, read_students

__all__ = ["CompareStudents", "ComparisonReport", "compare_students", "read_settings", "read_students"]
