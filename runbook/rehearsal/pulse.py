"""One client's operation in progress: timed, counted once, and seen by the watchdog if it never ends."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from runbook.rehearsal.ledger import Ledger
from runbook.rehearsal.ways import WrongAnswerError


class FailedError(Exception):
    """An operation failed and is in the ledger."""


class Pulse:
    """What one client is doing right now, so that the watchdog sees an operation that never ends."""

    def __init__(self, ledger: Ledger, limit: float) -> None:
        self._ledger = ledger
        self._limit = limit
        self._lock = threading.Lock()
        self._now: tuple[str, str, float] | None = None

    @contextmanager
    def operation(self, kind: str, path: str) -> Iterator[None]:
        """Time and count one operation; what it raises is counted as failed, kept, and raised on as `FailedError`."""
        began = time.monotonic()
        with self._lock:
            self._now = (kind, path, began)
        error = "a mistake of the load itself"
        try:
            yield
            error = ""
        except (OSError, http.client.HTTPException, WrongAnswerError, ValueError) as raised:
            error = f"{type(raised).__name__}: {raised}"
            raise FailedError from raised
        finally:
            seconds = time.monotonic() - began
            with self._lock:
                counted, self._now = self._now is None, None
            if not counted:
                if not error and seconds > self._limit:
                    error = f"it took {seconds:.1f} s"
                if error:
                    self._ledger.failed(kind, path, seconds, error)
                else:
                    self._ledger.passed(kind, path, seconds)

    def watch(self, *, ending: bool = False) -> bool:
        """Count an operation that is over its limit (or, when ending, any that still waits); return whether one was."""
        with self._lock:
            if self._now is None:
                return False
            kind, path, began = self._now
            seconds = time.monotonic() - began
            if seconds <= self._limit and not ending:
                return False
            self._now = None  # it is counted here, and not again when it ends
        self._ledger.failed(kind, path, seconds, f"no answer within {seconds:.1f} s")
        return True
