"""What a benchmark must show: the migration's success criteria, and a comparison with a recorded baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from dualfuse.benchmark.statistics import OFTEN

COMMON = ("read_small", "write_small", "stat")  # what "common operations" of the success criteria means
COMMON_SECONDS = 0.005
LISTING_SECONDS = 0.010
MEMORY_RATIO = 1.10
CPU_RATIO = 1.05
STAT_MS = 1.0
DIGITS = 2  # of a ratio: from run to run the same ratio differs by half a hundredth, and more on a busy machine


@dataclass(frozen=True, slots=True)
class Criterion:
    """One limit and what was measured; ``value`` must not be above ``limit`` (``floor``: not below)."""

    name: str
    value: float
    limit: float
    floor: bool = False

    @property
    def ok(self) -> bool:
        """Whether the limit is kept."""
        return self.value >= self.limit if self.floor else self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        """Give it with its verdict."""
        sign = ">=" if self.floor else "<="
        return {"name": self.name, "value": self.value, "limit": f"{sign} {self.limit:g}", "ok": self.ok}


def criteria(answer: Mapping[str, Any]) -> list[Criterion]:
    """Judge the answer of ``./dev bench dualfuse``.

    The success criteria speak of latencies of pyfuse3 in seconds, memory and CPU against fusepy; the rest are the
    ratios that dualfuse sets itself as its goal.
    """
    measured = answer["results"]["pyfuse3"]
    cpus = [each["cpu"] for name, each in answer["ratios"].items() if name not in {"mount", "unmount"} and each["cpu"]]
    found = [Criterion(f"{name}: seconds, p95", measured[name]["latency_p95"], COMMON_SECONDS) for name in COMMON]
    found += [
        Criterion("readdir: seconds, p95", measured["readdir"]["latency_p95"], LISTING_SECONDS),
        Criterion("memory against fusepy", answer["memory"]["ratio"], MEMORY_RATIO),
        Criterion("CPU against fusepy, geometric mean", round(geometric_mean(cpus), 3), CPU_RATIO),
    ]
    for variant, shown in answer["variants"].items():
        for name, each in shown["ratios"].items():
            if each["daemon"] < OFTEN:  # the kernel against itself: it must not be slower beyond doubt
                found.append(Criterion(f"{variant}, {name}: time of the kernel's own answer", each["time_low"], 1.0))
                continue
            found.append(Criterion(f"{variant}, {name}: time against fusepy", round(each["time"], DIGITS), 1.0))
            found.append(Criterion(f"{variant}, {name}: CPU against fusepy", round(each["cpu"], DIGITS), 1.0))
    blocking = answer["blocking"]
    reads = round(blocking["reads_per_second_ratio"], DIGITS)
    found.append(Criterion("blocking: reads per second against fusepy", reads, 1.0, True))
    found.append(Criterion("blocking: milliseconds of a stat", blocking["stat_during_block_ms"], STAT_MS))
    return found


def against(baseline: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Compare pyfuse3 now with fusepy in a recorded answer, and the ratios of both answers, by operation.

    Times of two runs are only comparable on the same machine at rest; the ratios within a run always are.
    """
    compared = {}
    for name, now in answer["results"]["pyfuse3"].items():
        before = baseline["results"]["fusepy"].get(name)
        if before is None:
            continue
        compared[name] = {
            "time": _quotient(now["latency_p50"], before["latency_p50"]),
            "cpu": _quotient(now["cpu_usage"], before["cpu_usage"]),
            "ratio_then": baseline["ratios"][name]["time"],
            "ratio_now": answer["ratios"][name]["time"],
        }
    return compared


def _quotient(left: float, right: float) -> float:
    return round(left / right, 3) if right else 0.0
