"""The Source protocol: one question about a side's recent past, one measurement back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from deployment.model import Side

if TYPE_CHECKING:
    from deployment.metrics.series import Slices

MISSES = 3  # heartbeats in a row that must be missed: one slow probe is no proof


class Metric(StrEnum):
    """What can be measured of a side. Ratios are 0..1, times are seconds, memory is bytes."""

    ERROR_RATIO = "error_ratio"  # failed operations / operations
    SLOW_SHARE = "slow_share"  # operations slower than 1 s / operations: the exact form of "p99 > 1 s"
    P50 = "p50"
    P95 = "p95"
    P99 = "p99"
    DIVERGENCE_RATIO = "divergence_ratio"  # divergent comparisons / comparisons, with this side as shadow
    UPTIME = "uptime"  # share of the window in which the mount answered its heartbeat
    RESPONSIVE = "responsive"  # 0 if none of the last MISSES heartbeats was answered, else 1; `at` is the newest one's
    OLDEST = "oldest"  # seconds that the oldest operation which has not returned has been running; the newest sample's
    MEMORY = "memory"  # resident bytes of the process that serves the mount
    OPERATIONS_RATE = "operations_rate"  # operations per second
    CPU_PER_OPERATION = "cpu_per_operation"  # CPU seconds of the process that serves the mount / operations


QUANTILES = {Metric.P50: 0.50, Metric.P95: 0.95, Metric.P99: 0.99}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number about one side over one window, or the reason why there is none."""

    metric: Metric
    side: Side
    window: float  # seconds asked for
    value: float | None  # None: no data, see `detail`
    samples: int  # operations, comparisons or heartbeats behind the value
    at: float  # Unix time
    failed: bool = False  # the source itself did not answer, which is worse than no data
    detail: str = ""


class Source(Protocol):
    """Where measurements come from."""

    name: str

    def poll(self) -> None:
        """Take a sample now, where the source keeps its own windows; a source with a server behind it does nothing."""

    def measure(self, metric: Metric, side: Side, window: float) -> Measurement:
        """Return one measurement over the last `window` seconds; it never raises: a failure is a `failed` one."""

    def slices(self, side: Side, window: float, step: float) -> Slices:
        """Return the last `window` seconds of a side in slices of `step` seconds; it never raises."""
