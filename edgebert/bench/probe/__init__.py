"""A program that a fresh process runs, by the path of this folder, to measure one cold start; see `edgebert.bench.cold`."""
