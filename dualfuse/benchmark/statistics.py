"""The seven metrics of an operation, and ratios between contenders that ran interleaved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

OFTEN = 0.5  # of the rounds: less is the kernel's own answer


@dataclass(slots=True)
class Series:
    """Everything measured of one operation on one contender, round by round."""

    latencies: list[float] = field(default_factory=list)  # seconds
    round_seconds: list[float] = field(default_factory=list)  # wall seconds per operation, a round
    round_cpu: list[float] = field(default_factory=list)  # daemon CPU seconds per operation, a round
    seconds: float = 0.0
    moved: int = 0  # bytes
    memory: int = 0  # bytes

    def add(self, latencies: Sequence[float], wall: float, cpu: float, moved: int) -> None:
        """Add one round."""
        self.latencies += latencies
        self.round_seconds.append(wall / len(latencies))
        self.round_cpu.append(cpu / len(latencies))
        self.seconds += wall
        self.moved += moved

    def metrics(self) -> dict[str, float]:
        """The documents' seven metrics: seconds, MB/s, operations per second, CPU seconds each, bytes."""
        ordered = sorted(self.latencies)
        return {
            "latency_p50": percentile(ordered, 0.50),
            "latency_p95": percentile(ordered, 0.95),
            "latency_p99": percentile(ordered, 0.99),
            "throughput_mbps": self.moved / self.seconds / 1e6 if self.seconds else 0.0,
            "iops": len(ordered) / self.seconds if self.seconds else 0.0,
            "cpu_usage": sum(self.round_cpu) / len(self.round_cpu) if self.round_cpu else 0.0,
            "memory_usage": self.memory,
        }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of a sorted sequence, 0 for an empty one."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def ratio(contender: Series, baseline: Series) -> dict[str, float]:
    """Compare two series round by round: medians of the paired ratios, with a 95% interval of that of time.

    Rounds that only one of them has run are left out. ``daemon`` is the share of the others in which the baseline's
    daemon did anything. Where that is below a half, the kernel answers by itself, and there is no ratio of the daemons'
    CPU: it is 0.
    """
    times = sorted(_pairs(contender.round_seconds, baseline.round_seconds))
    cpus = _pairs(contender.round_cpu, baseline.round_cpu)
    rounds = min(len(contender.round_cpu), len(baseline.round_cpu))
    daemon = len(cpus) / rounds if rounds else 0.0
    low, high = _interval(len(times))
    return {
        "time": round(median(times), 3) if times else 0.0,
        "time_low": round(times[low], 3) if times else 0.0,
        "time_high": round(times[high], 3) if times else 0.0,
        "cpu": round(median(cpus), 3) if daemon >= OFTEN else 0.0,
        "daemon": round(daemon, 3),
    }


def _pairs(left: Sequence[float], right: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(left, right, strict=False) if b > 0]


def _interval(count: int) -> tuple[int, int]:
    """Ranks of a distribution-free 95% interval of the median (normal approximation of the binomial)."""
    half = 0.98 * count**0.5
    low = max(0, int(count / 2 - half))
    return low, max(0, min(count - 1, count - 1 - low))
