"""The program of a fresh process that measures one cold start; `edgebert.bench.cold` runs this folder by its path."""
