"""What this machine is, which engines run on it, whether INT8 helps, and what is missing."""

from edgebert.doctor.examination import Examination, Finding, examine

__all__ = ["Examination", "Finding", "examine"]
