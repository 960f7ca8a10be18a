"""A side's recent past cut into slices of equal length, and what any metric was in each of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployment.metrics.exposition import BACKENDS, SLOW, Count, Reading
from deployment.metrics.growth import Growth, grown
from deployment.metrics.histogram import quantile
from deployment.metrics.source import QUANTILES, Metric
from deployment.model import Side


@dataclass(frozen=True, slots=True)
class Slice:
    """What happened on one side in one span of time."""

    at: float  # the end of the span, Unix time
    seconds: float  # its length
    growth: Growth
    memory: float | None = None  # bytes, at the end of it
    beats: int = 0  # how many looks were taken at it
    answered: int = 0  # how many of them found the mount answering


@dataclass(frozen=True, slots=True)
class Slices:
    """A side's recent past, or the reason why it is not known."""

    side: Side
    step: float  # seconds
    slices: tuple[Slice, ...] = ()  # oldest first; a span nobody looked at is left out
    failed: bool = False  # the source itself did not answer
    detail: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of operations that happened, the most frequent first."""
        counted: dict[str, float] = {}
        for piece in self.slices:
            for name, kind in piece.growth.kinds.items():
                counted[name] = counted.get(name, 0.0) + kind.timed
        return tuple(sorted(counted, key=lambda name: -counted[name]))


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series."""

    at: float
    value: float | None  # None: nothing happened that could be measured
    samples: int


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a side: what was read, and how many looks it stands for."""

    at: float
    url: str
    reading: Reading | None
    beats: int = 1
    answered: int = 0


def cut(looks: Sequence[Look], start: float, end: float, step: float) -> tuple[Slice, ...]:
    """Cut looks, oldest first, into slices; looks ahead of `start` are what the first slice is counted from."""
    found = []
    last: dict[str, Reading] = {}
    waiting = list(looks)
    count = max(1, round((end - start) / step))
    for number in range(count):
        until = start + (number + 1) * step if number + 1 < count else end + 1e-6
        inside: list[Look] = []
        while waiting and waiting[0].at <= until:
            look = waiting.pop(0)
            if look.at >= start + number * step:
                inside.append(look)
            elif look.reading is not None:
                last[look.url] = look.reading
        if not inside:
            continue
        read = [(look.url, look.reading) for look in inside if look.reading is not None]
        # a Bridge seen for the first time may have begun in an earlier slice that nobody looked at: it counts here
        growth = grown(read, start, last)
        newest = read[-1][1] if read else None
        memory = newest.memory if newest is not None and newest.memory else None
        beats, answered = sum(k.beats for k in inside), sum(k.answered for k in inside)
        found.append(Slice(min(until, end), step, growth, memory, beats, answered))
        last |= dict(read)
    return tuple(found)


def series(slices: Slices, metric: Metric, kind: str = "") -> tuple[Point, ...]:
    """Return what a metric was in each slice.

    Args:
        slices: Of the side; for a divergence, of the side that compares the other one.
        metric: Which.
        kind: Of operation: "read"; empty for all of them together.
    """
    return tuple(Point(piece.at, *_value(piece, slices.side, metric, kind)) for piece in slices.slices)


def p95(count: Count, q: float = 0.95) -> float | None:
    """Return a percentile of one kind of operation."""
    return quantile(q, {float(bound): seen for bound, seen in count.buckets.items()})


def _value(piece: Slice, side: Side, metric: Metric, kind: str) -> tuple[float | None, int]:
    growth = piece.growth
    if metric is Metric.MEMORY:
        return piece.memory, int(piece.memory is not None)
    if metric in (Metric.UPTIME, Metric.RESPONSIVE):
        return (piece.answered / piece.beats if piece.beats else None), piece.beats
    if not growth.pairs:
        return None, 0
    if metric is Metric.DIVERGENCE_RATIO:
        shadow = BACKENDS[Side.CANARY if side is Side.STABLE else Side.STABLE]
        compared = growth.comparisons.get(shadow, 0.0)
        return (growth.divergences.get(shadow, 0.0) / compared if compared else None), round(compared)
    count = growth.kinds.get(kind, Count()) if kind else _all(growth)
    if metric is Metric.CPU_PER_OPERATION:
        return (growth.cpu / count.operations if count.operations and not kind else None), round(count.operations)
    return RATIOS[metric](count, piece.seconds), round(
        count.operations if metric in (Metric.ERROR_RATIO, Metric.OPERATIONS_RATE) else count.timed
    )


def _all(growth: Growth) -> Count:
    return Count(growth.operations, growth.errors, growth.timed, 0.0, growth.buckets)


def _slow(count: Count, _seconds: float) -> float | None:
    fast = count.buckets.get(repr(SLOW))
    return None if fast is None or not count.timed else max(0.0, 1.0 - fast / count.timed)


def _quantile(q: float) -> Callable[[Count, float], float | None]:
    return lambda count, _seconds: p95(count, q)


RATIOS: dict[Metric, Callable[[Count, float], float | None]] = {
    Metric.ERROR_RATIO: lambda count, _: count.errors / count.operations if count.operations else None,
    Metric.OPERATIONS_RATE: lambda count, seconds: count.operations / seconds,
    Metric.SLOW_SHARE: _slow,
    **{metric: _quantile(q) for metric, q in QUANTILES.items()},
}
