"""Counts of all mount processes, the living and those that are gone, so that a counter never goes back."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.mount_child import MountChild, Snapshot
from dualfuse.instrument import BUCKETS
from dualfuse.operations import OPERATIONS


@dataclass
class Operation:
    """Counts of one operation; the buckets are not cumulative and the last one is the overflow."""

    ok: int = 0
    error: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))

    def add(self, counted: dict[str, Any]) -> None:
        """Add what a snapshot says of the operation."""
        self.ok += counted["ok"]
        self.error += counted["error"]
        self.seconds += counted["seconds"]
        self.buckets = [mine + its for mine, its in zip(self.buckets, counted["buckets"], strict=True)]


@dataclass
class Tally:
    """Counts of one backend."""

    operations: dict[str, Operation] = field(default_factory=lambda: {name: Operation() for name in OPERATIONS})
    exceptions: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cpu: float = 0.0  # seconds
    memory: int = 0  # bytes, of the living processes
    oldest: float = 0.0  # seconds that the oldest operation in progress has been running

    def add(self, snapshot: Snapshot, cpu: float, memory: int = 0) -> None:
        """Add what a process has counted."""
        for name, counted in snapshot.get("operations", {}).items():
            self.operations.setdefault(name, Operation()).add(counted)
        self.exceptions += snapshot.get("exceptions", 0)
        self.cache_hits += snapshot.get("cache", {}).get("hits", 0)
        self.cache_misses += snapshot.get("cache", {}).get("misses", 0)
        self.cpu += cpu
        self.memory += memory
        self.oldest = max(self.oldest, snapshot.get("oldest", 0.0) if memory else 0.0)  # the dead run nothing


class Tallies:
    """The counts by backend, over every process that was ever followed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._living: list[MountChild] = []
        self._gone: dict[str, Tally] = {}

    def follow(self, child: MountChild) -> None:
        """Count a process from now on."""
        with self._lock:
            self._living.append(child)

    def bury(self, child: MountChild) -> None:
        """Keep the last counts of a process that has ended, and tidy up after it."""
        child.tidy()
        with self._lock:
            self._living.remove(child)
            self._gone.setdefault(child.backend, Tally()).add(child.counts(fresh=False), child.cpu())

    def sum(self) -> dict[str, Tally]:
        """Return the counts by backend as they are now."""
        with self._lock:
            living = list(self._living)
        # asking takes a moment, and up to half a second where a process is hung: not under the lock
        for child in living:
            child.counts()
        total: dict[str, Tally] = {}
        with self._lock:
            for backend, gone in self._gone.items():
                tally = total.setdefault(backend, Tally())
                tally.cpu, tally.exceptions = gone.cpu, gone.exceptions
                tally.cache_hits, tally.cache_misses = gone.cache_hits, gone.cache_misses
                tally.operations = {name: replace(operation) for name, operation in gone.operations.items()}
            for child in self._living:
                total.setdefault(child.backend, Tally()).add(child.counts(fresh=False), child.cpu(), child.memory())
        return total
