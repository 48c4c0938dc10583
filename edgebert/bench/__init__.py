"""Latency, memory, cold start and accuracy of a bundle against its FP32 baseline on this machine: `run`."""

from edgebert.bench.race import run
from edgebert.bench.report import BenchReport
from edgebert.bench.settings import Settings

__all__ = ["BenchReport", "Settings", "run"]
