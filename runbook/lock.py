"""The operator lock: one person moves a deployment at a time, except that a rollback may ask them to let go.

Two flocks, so that the kernel releases them when their holder dies. `lock` is held for a whole command, its questions
and its soak included; `lock-change` only while one change is applied and verified. A rollback does not queue: it leaves
a request beside the lock, which every holder looks for between two changes and while it waits, and takes the second
lock. It has that at once from an operator who waits or is asked, and after their change from one in the middle of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from deployment.errors import HeldError, LockedError
from deployment.waiting import until

#: Whoever only looks who holds a lock takes it for a moment; an operator tries again for so long, seconds.
GLANCE = 0.2


class LetGoError(HeldError):
    """A rollback asked this command to stop at a safe point."""


class OperatorLock:
    """The lock of one deployment."""

    def __init__(self, state: Path) -> None:
        self._path = state / "lock"
        self._change = state / "lock-change"
        self._request = state / "rollback-requested"
        self._held = False
        self._alone = False  # a rollback of this process has taken over: it asks nobody
        self._leaving = False
        self._goes_back = False

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Hold the lock for a command.

        Raises:
            LockedError: Somebody else holds it; the message says who.
        """
        with self._open(self._path) as file, self._open(self._change) as change:
            if not until(lambda: _try(file), GLANCE):
                raise LockedError(
                    f"another operator is at work here: {self.holder()}",
                    "wait for it, or `lighthouse-migrate rollback`, which asks it to let go",
                )
            if not until(lambda: _try(change), GLANCE):
                raise LockedError("a rollback is at work here", "wait for it: `lighthouse-migrate status`")
            fcntl.flock(change, fcntl.LOCK_UN)
            self._request.unlink(missing_ok=True)
            self._sign(file, command)
            self._held = True
            try:
                yield
            finally:
                self._held = False

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep a rollback elsewhere waiting until this one change is done.

        Raises:
            LetGoError: A rollback took over meanwhile, or this process is to end.
        """
        if self._alone:
            self.safe_point()
            yield
            return
        with self._open(self._change) as change:
            fcntl.flock(change, fcntl.LOCK_EX)  # a rollback that took over from us holds it to its end
            self.safe_point()
            yield

    @contextmanager
    def taken_over(self, command: str, patience: float = 10.0) -> Iterator[bool]:
        """Keep everybody else from changing anything; go on after `patience` seconds where somebody does not let go.

        Yields whether nobody is in the middle of a change. Going on all the same is safe: a holder that wakes up looks
        for the request before its next change and stops.
        """
        self._leaving, self._goes_back = False, True
        with ExitStack() as stack:
            change = stack.enter_context(self._open(self._change))
            file = None if self._held else stack.enter_context(self._open(self._path))
            obtained = file is not None and _try(file)
            if file is not None and not obtained:
                self._request.write_text(command)
            safe = until(lambda: _try(change), patience)
            if file is not None and (obtained := obtained or _try(file)):
                self._sign(file, command)
            self._alone = True
            try:
                yield safe
            finally:
                self._alone = False
                if obtained or (file is not None and _try(file)):  # else the holder has yet to see it
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
        if not self._alone and self._request.exists():
            raise LetGoError(
                "a rollback was asked for elsewhere; this command stops here", "`lighthouse-migrate status`"
            )

    def in_change(self) -> bool:
        """Tell whether somebody is in the middle of a change now."""
        if not self._change.exists():
            return False
        with self._open(self._change) as change:
            return not _try(change)

    def holder(self) -> str:
        """Return who holds the lock, in words, or an empty string where nobody does."""
        if not self._path.exists():
            return ""
        with self._open(self._path) as file:
            if _try(file):
                return ""
        try:
            signed = json.loads(self._path.read_text())
        except ValueError:
            return "a process that has not signed yet"
        return f"`{signed['command']}` by process {signed['pid']} since {signed['since']}"

    @staticmethod
    def _open(path: Path) -> IO[str]:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+")

    @staticmethod
    def _sign(file: IO[str], command: str) -> None:
        since = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        file.seek(0)
        file.truncate()
        file.write(json.dumps({"command": command, "pid": os.getpid(), "since": since}))
        file.flush()


def _try(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
