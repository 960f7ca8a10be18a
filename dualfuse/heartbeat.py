"""Is this mount answering? Asked from a disposable child, so that a hung mount never takes the asker along.

``python -m dualfuse.heartbeat PATH`` prints {"alive":…, "seconds":…, "error":…}. The child only asks for
attributes: a child that reads from a hung file could not even be killed. It asks past the kernel's cache (statx with
FORCE_SYNC), which would answer for a dead mount too. One slow answer is no proof; callers judge by several.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import select
import signal
import sys
import time
from dataclasses import asdict, dataclass

_ASK = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
failed = libc.statx(-100, os.fsencode(sys.argv[1]), 0x2000, 0x7ff, ctypes.create_string_buffer(512))
os._exit(min(ctypes.get_errno() or 5, 250) if failed else 0)
"""
_abandoned: list[int] = []  # children that could not be killed at once; collected by a later beat


@dataclass(frozen=True, slots=True)
class Beat:
    """The answer: alive or why not, after how many seconds."""

    alive: bool
    seconds: float
    error: str | None = None


def beat(path: str, timeout: float = 1.0) -> Beat:
    """Ask a path for its attributes, through the file system that serves it, and wait at most ``timeout`` seconds.

    Start-up of the child (some 10 ms) is part of the time. A path that does not exist is not alive.
    """
    _collect()
    start = time.monotonic()
    # exec'd, not only forked: a child stuck on a hung mount must not hold the asker's sockets open
    pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", _ASK, path], {"LANG": "C"})
    status = _wait(pid, timeout)
    if status is None:
        os.kill(pid, signal.SIGKILL)
        if _wait(pid, 0.2) is None:
            _abandoned.append(pid)
        return Beat(False, time.monotonic() - start, f"no answer within {timeout:g} s")
    seconds = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return Beat(True, seconds)
    return Beat(False, seconds, f"{errno.errorcode.get(code, code)}: {os.strerror(code)}" if code > 0 else "killed")


def _wait(pid: int, timeout: float) -> int | None:
    """Wait for a child and give its status, None when the time is over."""
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(timeout * 1000):
            return None
    finally:
        os.close(descriptor)
    return os.waitpid(pid, 0)[1]


def _collect() -> None:
    for pid in _abandoned[:]:
        try:
            gone = os.waitpid(pid, os.WNOHANG)[0] == pid
        except ChildProcessError:
            gone = True
        if gone:
            _abandoned.remove(pid)


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit code is 0 when alive, else 1."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse.heartbeat", description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--timeout", type=float, default=1.0, help="seconds")
    arguments = parser.parse_args(argv)
    result = beat(arguments.path, arguments.timeout)
    print(json.dumps(asdict(result)))  # noqa: T201
    return 0 if result.alive else 1


if __name__ == "__main__":
    sys.exit(main())
