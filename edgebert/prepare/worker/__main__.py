"""Read one job as a line of JSON from stdin, write progress and the answer as lines of JSON to stdout.

The argument is the number of the process that asks.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from edgebert.errors import EdgebertError
from edgebert.prepare.worker import jobs

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def main() -> None:
    """Do one job; what goes wrong is the answer."""
    _die_with_parent()
    if os.getppid() != int(sys.argv[1]):  # it ended before the line above
        sys.exit(1)
    # what a library prints must not mix with the answer
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def say(message: Mapping[str, object]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    job = json.loads(sys.stdin.readline())
    say(_answer(job, lambda part: say({"part": round(part, 4)})))
    os._exit(0)  # a library that crashes on its way out has answered all the same


def _answer(job: Mapping[str, Any], report: Callable[[float], None]) -> Mapping[str, object]:
    try:
        return jobs.JOBS[job["kind"]](job, report)
    except EdgebertError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "there is not enough memory: stop other programs"}
    except OSError as error:
        return {"error": f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _die_with_parent() -> None:
    """Let the kernel end this process when the one that started it ends, even by SIGKILL."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):  # not Linux
        pass


if __name__ == "__main__":
    main()
