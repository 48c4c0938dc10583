"""Run a job in a process of its own, so that a crash of TensorRT or of the driver is one line here."""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from edgebert.errors import EngineError

_TICK = 1.0  # seconds
_WORKER = "edgebert.prepare.worker"


class CrashError(EngineError):
    """The process ended without an answer."""


def ask(job: Mapping[str, object], on_part: Callable[[float | None], None] = lambda part: None) -> Mapping[str, object]:
    """Run a job of `edgebert.prepare.worker` and return its answer.

    Args:
        job: what to do.
        on_part: told the done part from 0 to 1 when the job reports one, and None about every second otherwise.

    Raises:
        EngineError: the job failed; the message is its own.
        CrashError: the process ended without an answer.
    """
    command = [sys.executable, "-W", "ignore", "-m", _WORKER, str(os.getpid())]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as child:
        try:
            assert child.stdin is not None and child.stdout is not None and child.stderr is not None
            answer = _converse(child.stdin, child.stdout, child.stderr, job, on_part)
        finally:
            child.kill()  # it has answered, or nobody waits for its answer any more
            code = child.wait()
    if isinstance(answer, Mapping):
        if "error" in answer:
            raise EngineError(str(answer["error"]))
        return answer
    raise CrashError(_how_it_ended(code, answer))


def _converse(
    stdin: IO[bytes],
    stdout: IO[bytes],
    stderr: IO[bytes],
    job: Mapping[str, object],
    on_part: Callable[[float | None], None],
) -> Mapping[str, object] | str:
    """Return the answer, or the last line of what the process said on stderr where it ended without one."""
    try:
        stdin.write(json.dumps(job).encode() + b"\n")
        stdin.close()
    except BrokenPipeError:
        pass  # it ended at once; what it said is read below
    words = b""
    for source, line in _lines(stdout, stderr):
        if source is stderr:
            words = line.strip() or words
        elif source is None:
            on_part(None)
        else:
            message = json.loads(line)
            if "part" not in message:
                answer: Mapping[str, object] = message
                return answer
            on_part(float(message["part"]))
    return words.decode("utf-8", "replace")


def _lines(*pipes: IO[bytes]) -> Iterator[tuple[IO[bytes] | None, bytes]]:
    """Yield lines with the pipe that they come from until all are closed, and (None, b"") in silent seconds."""
    rests = dict.fromkeys(pipes, b"")
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ, pipe)
        while rests:
            ready = selector.select(_TICK)
            if not ready:
                yield None, b""
            for entry, _ in ready:
                source: IO[bytes] = entry.data
                chunk = source.read(1 << 16)  # what there is, since the pipes have no buffers
                *lines, rests[source] = (rests[source] + chunk).split(b"\n")
                yield from ((source, line) for line in lines)
                if not chunk:
                    selector.unregister(source)
                    del rests[source]  # half a line is no line


def _how_it_ended(code: int, words: str) -> str:
    said = f", its last words: {words[:200]}" if words else ""
    if code >= 0:
        return f"the process for TensorRT ended with status {code}{said}"
    name = signal.Signals(-code).name if -code in {number.value for number in signal.Signals} else f"signal {-code}"
    if name == "SIGKILL":
        return f"the process for TensorRT was killed, most likely for lack of memory: stop other programs{said}"
    return f"the process for TensorRT crashed with {name}{said}"
