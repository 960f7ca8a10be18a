"""Read what a Bridge exposes as metrics, as far as the migration asks for it.

`prometheus_client` has a parser; importing it costs 80 ms of CPU and reading one Bridge with it 20 ms, and `status`
may spend 100 ms in all. A test holds this reader to the same answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
OPERATIONS = "lighthouse_fuse_operations_total"
DURATION = "lighthouse_fuse_operation_duration_seconds"
COMPARISONS = "lighthouse_fuse_backend_comparisons_total"
DIVERGENCE = "lighthouse_fuse_backend_divergence_total"
RESPONSIVE = "lighthouse_fuse_mount_responsive"
MEMORY = "lighthouse_fuse_mount_memory_bytes"
OLDEST = "lighthouse_fuse_oldest_operation_seconds"
CPU = "lighthouse_fuse_mount_cpu_seconds_total"
STARTED = "process_start_time_seconds"
SLOW = 1.0  # seconds: the bucket whose share is the exact form of "p99 > 1 s"

# which backend each side serves: what a shadow's comparisons are labelled with
BACKENDS = {"stable": "fusepy", "canary": "pyfuse3"}


@dataclass(slots=True)
class Count:
    """What was counted of one kind of operation."""

    operations: float = 0.0
    errors: float = 0.0
    timed: float = 0.0
    seconds: float = 0.0  # that the timed ones took together
    buckets: dict[str, float] = field(default_factory=dict)  # upper bound in seconds → operations not slower


@dataclass(slots=True)
class Reading:
    """One look at one Bridge, summed over operations and backends."""

    started: float = 0.0  # Unix time the process began at; 0 where it is not told
    operations: float = 0.0
    errors: float = 0.0
    timed: float = 0.0  # operations that were timed
    buckets: dict[str, float] = field(default_factory=dict)  # upper bound in seconds → operations not slower
    comparisons: dict[str, float] = field(default_factory=dict)  # shadow backend → compared operations
    divergences: dict[str, float] = field(default_factory=dict)  # shadow backend → operations that differed
    answered: bool | None = None  # the mount answered its last heartbeat; None where no heartbeat is told
    memory: float = 0.0  # bytes
    oldest: float | None = None  # seconds the oldest operation in progress has been running; None where it is not told
    cpu: float = 0.0  # seconds
    kinds: dict[str, Count] = field(default_factory=dict)  # kind of operation → what was counted of it

    def take(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Take in one sample of a metrics page."""
        match name:
            case "lighthouse_fuse_operations_total":
                failed = value if labels.get("status") == "error" else 0.0
                self.operations += value
                self.errors += failed
                kind = self._kind(labels)
                kind.operations += value
                kind.errors += failed
            case "lighthouse_fuse_operation_duration_seconds_bucket":
                bound = labels["le"] if labels["le"] == "+Inf" else repr(float(labels["le"]))
                for buckets in (self.buckets, self._kind(labels).buckets):
                    buckets[bound] = buckets.get(bound, 0.0) + value
            case "lighthouse_fuse_operation_duration_seconds_count":
                self.timed += value
                self._kind(labels).timed += value
            case "lighthouse_fuse_operation_duration_seconds_sum":
                self._kind(labels).seconds += value
            case "lighthouse_fuse_backend_comparisons_total":
                _add(self.comparisons, labels, value)
            case "lighthouse_fuse_backend_divergence_total":
                _add(self.divergences, labels, value)
            case "lighthouse_fuse_mount_responsive":
                # only the backend that serves can answer; the other one's series stands at 0
                self.answered = bool(self.answered) or value >= 1
            case "lighthouse_fuse_oldest_operation_seconds":
                self.oldest = max(self.oldest or 0.0, value)
            case "lighthouse_fuse_mount_memory_bytes":
                self.memory += value
            case "lighthouse_fuse_mount_cpu_seconds_total":
                self.cpu += value
            case "process_start_time_seconds":
                self.started = value

    def settle(self) -> None:
        """Drop the kinds of operations that never happened: most of them never do."""
        self.kinds = {name: kind for name, kind in self.kinds.items() if kind.operations or kind.timed}

    def _kind(self, labels: Mapping[str, str]) -> Count:
        return self.kinds.setdefault(labels.get("operation", ""), Count())

    def plain(self) -> dict[str, Any]:
        """Return the reading as JSON can carry it."""
        return asdict(self)

    @classmethod
    def again(cls, plain: Mapping[str, Any]) -> Reading:
        """Return the reading that `plain` was made of."""
        kinds = {name: Count(**kind) for name, kind in plain.get("kinds", {}).items()}
        return cls(**{**plain, "kinds": kinds})


def read(text: str) -> Reading:
    """Return one reading of a Bridge's metrics page."""
    reading = Reading()
    for name, labels, value in samples(text):
        if value == value:  # what is not a number is not told
            reading.take(name, labels, value)
    reading.settle()
    return reading


def samples(text: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Yield name, labels and value of every sample on a metrics page."""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, brace, rest = line.partition("{")
        if brace:
            inside, _, rest = rest.rpartition("}")
            labels = {key: _plain(raw) for key, raw in LABEL.findall(inside)}
        else:
            name, _, rest = line.partition(" ")
            labels = {}
        yield name, labels, float(rest.split()[0])


def _plain(raw: str) -> str:
    return re.sub(r'\\[\\"n]', lambda m: ESCAPES[m.group()], raw) if "\\" in raw else raw


def _add(counts: dict[str, float], labels: Mapping[str, str], value: float) -> None:
    shadow = labels.get("shadow", "")
    counts[shadow] = counts.get(shadow, 0.0) + value
