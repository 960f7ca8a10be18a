"""The operator lock: one person moves a deployment at a time, except that a rollback may ask them to let go.

The lock is flock(2) on a file, so the kernel releases it when its holder dies. A rollback does not queue: it leaves a
request beside the lock, and every holder looks for it between two changes and while it waits, and lets go.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from deployment.errors import HeldError, LockedError


class LetGoError(HeldError):
    """A rollback asked this command to stop at a safe point."""


class OperatorLock:
    """The lock of one deployment."""

    def __init__(self, state: Path) -> None:
        self._path = state / "lock"
        self._request = state / "rollback-requested"
        self._held = False
        self._ignores_requests = False
        self._leaving = False
        self._goes_back = False

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Hold the lock for a command.

        Raises:
            LockedError: Somebody else holds it; the message says who.
        """
        with self._open() as file:
            if not self._try(file):
                raise LockedError(
                    f"another operator is at work here: {self.holder()}",
                    "wait for it, or `lighthouse-migrate rollback`, which asks it to let go",
                )
            self._request.unlink(missing_ok=True)
            self._sign(file, command)
            self._held = True
            try:
                yield
            finally:
                self._held = False

    @contextmanager
    def taken_over(self, command: str, patience: float = 10.0) -> Iterator[bool]:
        """Hold the lock for a rollback: ask the holder to let go, and go on without the lock if it does not answer.

        Yields whether the lock was obtained. Going on without it is safe: a holder that wakes up looks for the request
        before its next change and stops.
        """
        self._leaving, self._goes_back = False, True
        if self._held:  # an advance that found a breach goes back by itself
            yield True
            return
        with self._open() as file:
            obtained = self._try(file)
            if not obtained:
                self._request.write_text(command)
                until = time.monotonic() + patience
                while not obtained and time.monotonic() < until:
                    time.sleep(0.05)
                    obtained = self._try(file)
            self._ignores_requests = True
            try:
                if obtained:
                    self._sign(file, command)
                yield obtained
            finally:
                self._ignores_requests = False
                if obtained:
                    self._request.unlink(missing_ok=True)

    def let_go(self) -> None:
        """Ask this engine's own advance to stop at its next safe point; a rollback goes on to its end."""
        self._leaving = not self._goes_back

    def safe_point(self) -> None:
        """Stop here if a rollback asked for it, or this process is to end.

        Raises:
            LetGoError: It did.
        """
        if self._leaving:
            raise LetGoError("stopped at a safe point, as asked; what was done holds", "`lighthouse-migrate advance`")
        if not self._ignores_requests and self._request.exists():
            raise LetGoError(
                "a rollback was asked for elsewhere; this command stops here", "`lighthouse-migrate status`"
            )

    def holder(self) -> str:
        """Return who holds the lock, in words, or an empty string where nobody does."""
        if not self._path.exists():
            return ""
        with self._open() as file:
            if self._try(file):
                return ""
        try:
            signed = json.loads(self._path.read_text())
        except ValueError:
            return "a process that has not signed yet"
        return f"`{signed['command']}` by process {signed['pid']} since {signed['since']}"

    def _open(self) -> IO[str]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._path.open("a+")

    @staticmethod
    def _try(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @staticmethod
    def _sign(file: IO[str], command: str) -> None:
        since = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        file.seek(0)
        file.truncate()
        file.write(json.dumps({"command": command, "pid": os.getpid(), "since": since}))
        file.flush()
