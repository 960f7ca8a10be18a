"""The load's ledger: how many operations were done, and every one that failed, in a file that others may read."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

KEPT_FAILURES = 100
KEPT_SLOWEST = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation that failed, or was among the slowest."""

    at: float  # Unix time of its end
    kind: str  # "http.get", "mount.rename", …
    path: str  # below current/
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """What the ledger said when it was last written."""

    operations: int
    failed: int
    by_kind: Mapping[str, int]
    failures: tuple[Entry, ...]  # the first 100
    slowest: tuple[Entry, ...]  # the ten slowest, the slowest first
    longest_gap: float  # seconds during which no operation of any client ended
    seconds: float  # since the load began
    written: float  # Unix time
    finished: bool  # the load ended in order and these are its final totals


class Ledger:
    """Counts operations from many threads and keeps the file up to date; a reader never sees half a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._by_kind: Counter[str] = Counter()
        self._failed = 0
        self._failures: list[Entry] = []
        self._slowest: list[Entry] = []
        self._began = self._last = time.monotonic()
        self._gap = 0.0

    def passed(self, kind: str, path: str, seconds: float) -> None:
        """Count an operation that did what it should."""
        with self._lock:
            self._count(Entry(time.time(), kind, path, seconds))

    def failed(self, kind: str, path: str, seconds: float, error: str) -> None:
        """Count an operation that did not do what it should, and keep why."""
        with self._lock:
            entry = Entry(time.time(), kind, path, seconds, error)
            self._count(entry)
            self._failed += 1
            if len(self._failures) < KEPT_FAILURES:
                self._failures.append(entry)

    def _count(self, entry: Entry) -> None:
        self._by_kind[entry.kind] += 1
        now = time.monotonic()
        self._gap, self._last = max(self._gap, now - self._last), now
        if len(self._slowest) < KEPT_SLOWEST or entry.seconds > self._slowest[-1].seconds:
            self._slowest = sorted([*self._slowest, entry], key=lambda e: -e.seconds)[:KEPT_SLOWEST]

    def totals(self, *, finished: bool = False) -> Totals:
        """Return what was counted so far."""
        with self._lock:
            return Totals(
                operations=self._by_kind.total(),
                failed=self._failed,
                by_kind=dict(sorted(self._by_kind.items())),
                failures=tuple(self._failures),
                slowest=tuple(self._slowest),
                longest_gap=self._gap,
                seconds=time.monotonic() - self._began,
                written=time.time(),
                finished=finished,
            )

    def write(self, *, finished: bool = False) -> Totals:
        """Replace the file by what was counted so far, and return it."""
        totals = self.totals(finished=finished)
        fresh = self._file.with_name(self._file.name + ".new")
        fresh.write_text(json.dumps(asdict(totals)))
        fresh.replace(self._file)
        return totals


def read(file: Path) -> Totals:
    """Return what the load's ledger says now.

    Raises:
        FileNotFoundError: The load has not written yet.
    """
    said: dict[str, Any] = json.loads(file.read_text())
    for key in ("failures", "slowest"):
        said[key] = tuple(Entry(**entry) for entry in said[key])
    return Totals(**said)
