"""What the command line says to people."""

import sys

from edgebert.errors import EdgebertError


class UsageError(EdgebertError):
    """The command was called in a way that cannot work; exit code 2."""


def printable(text: str) -> str:
    """Return the text with every character escaped that could move a cursor, change colours or end the line."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def say(message: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"edgebert: {printable(message)}\n")


class Counter:
    """Shows how many texts are done, on a terminal while it works and everywhere at the end."""

    def __init__(self, max_tokens: int, quiet: bool, remedy: str = "--long-texts mean") -> None:
        self._max_tokens = max_tokens
        self._quiet = quiet
        self._remedy = remedy
        self._live = not quiet and sys.stderr.isatty()
        self._texts = 0
        self._cut = 0

    def add(self, texts: int, cut: int) -> None:
        """Count texts that are done, ``cut`` of them truncated."""
        self._texts += texts
        self._cut += cut
        if self._live:
            sys.stderr.write(f"\r{self._texts} texts")
            sys.stderr.flush()

    def finish(self) -> None:
        """Say how many texts were done and how many were cut."""
        if self._live:
            sys.stderr.write("\r")
        if self._quiet:
            return
        cut = ""
        if self._cut:
            cut = f", {self._cut} of them cut at {self._max_tokens} tokens: {self._remedy} reads all of them"
        say(f"{self._texts} text{'s' * (self._texts != 1)} done{cut}")
