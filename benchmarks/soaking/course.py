"""What a daemon holds, how that goes over a run, and when it is called growth."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

POINTS = 10  # of the course of an amount that are shown
ENOUGH = 10  # samples of warm daemons that a slope is drawn from
# What is called growth over a run. Memory: one that leaks 100 bytes an operation is far above.
LIMITS = {"bytes": 1 << 20, "descriptors": 3, "threads": 3}
SHARE = 0.05  # of what a daemon holds: less than this is the allocator's noise


def holds(pid: int) -> dict[str, int]:
    """What a process has of its own: memory that it does not share, descriptors, threads."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    private = next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Private_Dirty:"))
    count = {name: len(os.listdir(f"/proc/{pid}/{name}")) for name in ("fd", "task")}  # noqa: PTH208
    return {"bytes": private, "descriptors": count["fd"], "threads": count["task"]}


def slope(points: Sequence[tuple[float, int]]) -> float:
    """Slope of the least-squares line through (seconds, amount), a minute."""
    times, amounts = [time for time, _ in points], [amount for _, amount in points]
    middle, mean = sum(times) / len(times), sum(amounts) / len(amounts)
    above = sum((time - middle) * (amount - mean) for time, amount in points)
    return 60 * above / sum((time - middle) ** 2 for time in times)


def course(samples: Sequence[tuple[float, dict[str, int]]], what: str) -> dict[str, Any]:
    """How an amount went over a run: medians along it, the slope of the second half, and whether it grew there.

    A thread brings its buffers. Threads are counted themselves, so memory is compared at one number of them.
    """
    points = [(age, held[what]) for age, held in samples]
    values = [amount for _, amount in points]
    size = max(1, len(points) // POINTS)
    half = samples[len(samples) // 2 :]
    usual = Counter(held["threads"] for _, held in half).most_common(1)[0][0]
    late = [(age, held[what]) for age, held in half if what != "bytes" or held["threads"] == usual]
    is_enough = len(late) >= ENOUGH
    minute = slope(late) if is_enough else 0.0
    gained = minute * (late[-1][0] - late[0][0]) / 60
    return {
        "least": min(values),
        "most": max(values),
        "course": [round(median(values[start : start + size])) for start in range(0, len(values), size)],
        "per_minute": round(minute, 2) if is_enough else None,
        "grows": gained > max(LIMITS[what], SHARE * median(values)),
    }
