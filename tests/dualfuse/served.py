"""Serve a file system in a process of its own for a test, and take it down whatever happens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dualfuse.daemon import Daemon

BACKENDS = ("fusepy", "pyfuse3")
ALL_BACKENDS = (*BACKENDS, "mfusepy")


@contextmanager
def serve(
    specification: str,
    mountpoint: Path,
    backend: str,
    arguments: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Iterator[Daemon]:
    """Mount, give the daemon, unmount."""
    mountpoint.mkdir(exist_ok=True)
    with Daemon(specification, mountpoint, backend, arguments=arguments, options=options) as daemon:
        yield daemon


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until a real process or the kernel has done something, at most so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for: {what}"
        time.sleep(0.005)


def read_direct(path: Path) -> bytes:
    """One read of a page, past the kernel's page cache."""
    file = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        return os.pread(file, 4096, 0)
    finally:
        os.close(file)


def outcome(action: Callable[[], object]) -> object:
    """The result of an action, or the errno it failed with."""
    try:
        return action()
    except OSError as error:
        return f"errno {os.strerror(error.errno or 0)}"
