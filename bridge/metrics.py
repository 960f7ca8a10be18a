"""The Bridge's metrics: the counts of its mount processes and of the comparator, in Prometheus' words.

Every label of the backends that may serve is there from the start: a ratio over series that do not exist yet is empty
and not 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bridge.mounts import Mounts
from bridge.tallies import Tally
from dualfuse.instrument import BUCKETS

BOUNDS = (*(f"{bound:g}" if bound < 1 else str(float(bound)) for bound in BUCKETS), "+Inf")
# What the comparator looks at; the others have no effect that a second look at a path could show.
COMPARED = (
    "chmod", "chown", "create", "getattr", "getxattr", "link", "listxattr", "mkdir", "mknod", "open", "read", "readdir",
    "readlink", "release", "removexattr", "rename", "rmdir", "setxattr", "symlink", "truncate", "unlink", "utimens",
    "write",
)  # fmt: skip


class BridgeCollector(Collector):
    """Asks the keeper of the mounts at every scrape."""

    def __init__(self, mounts: Mounts) -> None:
        self._mounts = mounts

    def describe(self) -> Iterable[Metric]:
        """Say nothing beforehand: a scrape at registration would ask processes that do not exist yet."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return all metrics as they are now."""
        health = self._mounts.health
        tallies = self._mounts.tallies.sum()
        for backend in (health.settings.backend, health.settings.fallback):
            if backend is not None:
                tallies.setdefault(backend, Tally())
        yield from _operations(tallies)
        yield from _mount_gauges(tallies, health.backend)
        yield from _cache(tallies)
        responsive = GaugeMetricFamily(
            "lighthouse_fuse_mount_responsive", "Whether the last heartbeat was answered.", labels=["backend"]
        )
        for backend, answered in (health.responsive or {health.settings.backend: False}).items():
            responsive.add_metric([backend], float(answered))
        yield responsive
        yield from self._comparisons(health.settings.backend)

    def _comparisons(self, primary: str) -> Iterable[Metric]:
        labels = ["operation", "primary", "shadow"]
        families = {
            "comparisons": CounterMetricFamily(
                "lighthouse_fuse_backend_comparisons", "Operations compared with the shadow.", labels=labels
            ),
            "divergence": CounterMetricFamily(
                "lighthouse_fuse_backend_divergence", "Comparisons in which the shadow differed.", labels=labels
            ),
        }
        counts = self._mounts.mirror.counts()
        pairs = {(key[2], key[3]) for key in counts} or {(primary, "fusepy" if primary == "pyfuse3" else "pyfuse3")}
        for kind, family in families.items():
            for one, other in sorted(pairs):
                for operation in COMPARED:
                    value = counts.get((kind, operation, one, other), 0)
                    family.add_metric([operation, one, other], value)
            yield family


def _operations(tallies: dict[str, Tally]) -> Iterable[Metric]:
    total = CounterMetricFamily(
        "lighthouse_fuse_operations", "Operations served, by how they ended.", labels=["backend", "operation", "status"]
    )
    durations = HistogramMetricFamily(
        "lighthouse_fuse_operation_duration_seconds", "How long operations took.", labels=["backend", "operation"]
    )
    for backend, tally in tallies.items():
        for name, operation in tally.operations.items():
            total.add_metric([backend, name, "ok"], operation.ok)
            total.add_metric([backend, name, "error"], operation.error)
            cumulative = accumulate(operation.buckets)
            durations.add_metric([backend, name], list(zip(BOUNDS, cumulative, strict=True)), operation.seconds)
    yield total
    yield durations


def _cache(tallies: dict[str, Tally]) -> Iterable[Metric]:
    looks = CounterMetricFamily(
        "lighthouse_cache_lookups", "Chunks looked for in the speed layer.", labels=["backend", "result"]
    )
    rate = GaugeMetricFamily(
        "lighthouse_cache_hit_ratio", "Chunks found in the speed layer, of all looked for.", labels=["backend"]
    )
    for backend, tally in tallies.items():
        looks.add_metric([backend, "hit"], tally.cache_hits)
        looks.add_metric([backend, "miss"], tally.cache_misses)
        total = tally.cache_hits + tally.cache_misses
        rate.add_metric([backend], tally.cache_hits / total if total else float("nan"))
    yield from (looks, rate)


def _mount_gauges(tallies: dict[str, Tally], serving: str | None) -> Iterable[Metric]:
    active = GaugeMetricFamily("lighthouse_fuse_backend_active", "1 for the backend that serves.", labels=["backend"])
    memory = GaugeMetricFamily(
        "lighthouse_fuse_mount_memory_bytes", "Resident bytes of the processes that serve mounts.", labels=["backend"]
    )
    cpu = CounterMetricFamily(
        "lighthouse_fuse_mount_cpu_seconds", "CPU time of the processes that serve mounts.", labels=["backend"]
    )
    exceptions = CounterMetricFamily(
        "lighthouse_fuse_exceptions", "Exceptions in the file system that were turned into EIO.", labels=["backend"]
    )
    oldest = GaugeMetricFamily(
        "lighthouse_fuse_oldest_operation_seconds",
        "How long the oldest operation that has not returned has been running.",
        labels=["backend"],
    )
    for backend, tally in tallies.items():
        oldest.add_metric([backend], tally.oldest)
        active.add_metric([backend], float(backend == serving))
        memory.add_metric([backend], tally.memory)
        cpu.add_metric([backend], tally.cpu)
        exceptions.add_metric([backend], tally.exceptions)
    yield from (active, memory, cpu, exceptions, oldest)
