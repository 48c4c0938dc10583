"""`python -m edgebert.cli`."""

from edgebert.cli import main

main()
