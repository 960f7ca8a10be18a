"""How numbers read to a person: "5.6 ms", "0.02%", "6 min". Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deployment.metrics.source import Metric

NAMES = {
    Metric.ERROR_RATIO: "error ratio",
    Metric.SLOW_SHARE: "operations over 1 s",
    Metric.P50: "p50",
    Metric.P95: "p95",
    Metric.P99: "p99",
    Metric.DIVERGENCE_RATIO: "divergence",
    Metric.UPTIME: "uptime",
    Metric.RESPONSIVE: "heartbeat",
    Metric.OLDEST: "oldest operation in progress",
    Metric.MEMORY: "memory",
    Metric.OPERATIONS_RATE: "operations per second",
    Metric.CPU_PER_OPERATION: "CPU per operation",
}
SAMPLES = dict.fromkeys(Metric, "operations") | {
    Metric.DIVERGENCE_RATIO: "comparisons",
    Metric.UPTIME: "heartbeats",
    Metric.RESPONSIVE: "heartbeats",
    Metric.OLDEST: "samples",
    Metric.MEMORY: "samples",
}
_UNITS = {
    Metric.ERROR_RATIO: "%",
    Metric.SLOW_SHARE: "%",
    Metric.DIVERGENCE_RATIO: "%",
    Metric.UPTIME: "%",
    Metric.P50: "s",
    Metric.P95: "s",
    Metric.P99: "s",
    Metric.OLDEST: "s",
    Metric.MEMORY: "B",
    Metric.CPU_PER_OPERATION: "s",
}


def quantity(value: float, metric: Metric, unit: str = "", digits: int = 3) -> str:
    """Return a metric's value as a person reads it; ratios are given as 0..1, times in seconds, memory in bytes."""
    match unit or _UNITS.get(metric, ""):
        case "%":
            return percent(value, digits)
        case "s":
            return seconds(value, digits)
        case "B":
            return size(value)
        case other:
            shown = f"{value:,.0f}" if abs(value) >= 10**digits - 0.5 else f"{value:.{digits}g}"
            return f"{shown} {other}".rstrip()


def percent(ratio: float, digits: int = 3) -> str:
    """Return a ratio of 0..1 as a percentage; shares close to one keep the digits that matter."""
    if ratio > 0.99:
        return f"{ratio * 100:.{digits}f}".rstrip("0").rstrip(".") + "%"
    return f"{ratio * 100:.{digits}g}%" if ratio >= 1e-6 or ratio <= 0 else f"{ratio * 100:.1e}%"


def seconds(value: float, digits: int = 3) -> str:
    """Return a short time: "240 µs", "5.6 ms", "1.2 s"."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if value * factor < 1000 and value < 1:
            return f"{value * factor:.{digits}g} {unit}"
    return f"{value:.{digits}g} s" if value < 60 else duration(value)


def duration(value: float) -> str:
    """Return a long time: "40 s", "6 min", "2d04h"."""
    if value < 90:
        return f"{value:.0f} s"
    if value < 90 * 60:
        return f"{value / 60:.0f} min"
    if value < 48 * 3600:
        return f"{value / 3600:.3g} h"
    return f"{int(value // 86400)}d{int(value % 86400 // 3600):02d}h"


def size(value: float) -> str:
    """Return bytes as "14.1 MB" (powers of 1000)."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.0f} B"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names joined by commas, the tail counted instead of shown."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
