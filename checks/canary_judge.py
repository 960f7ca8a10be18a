"""The relative judge: the canary against the stable side over the same window. Pure; docs/gates.md has the method.

Latency: both sides' past is cut into slices. A point is the p95 of ten operations of one kind in one slice, divided by
what is usual for that kind on the stable side: ten on either side, because a p95 of few is lower than one of many, and
of one kind, because a canary whose clients happen to list more directories is not slow for it. The points of both sides
are compared by Mann-Whitney's U, with Vargha and Delaney's A as the size of the effect: all kinds together, and each
kind by itself that has points enough.

Errors: the difference of the two error ratios, with Newcombe's interval.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from checks import words
from checks.gate import Status, Threshold, Verdict
from deployment.metrics.exposition import Count
from deployment.metrics.series import Slices
from deployment.metrics.source import Metric

POINTS = 50  # of each side: with fewer, Mann-Whitney's normal approximation and its power are doubtful
SLICES = 60  # that a window is cut into, so that a kind of operation can have points enough by itself
SHORTEST_SLICE = 1.0  # seconds: what a Bridge is looked at
BATCH = 10  # operations behind a point
BATCHES = 10  # points of one kind in one slice, at most: what happens at one moment happens to all of them
SEED = 20  # the operations of a slice are dealt out to their points by chance, and every time in the same way
CHANCE = 0.001  # how likely so large a difference may be by chance, and still convict
EFFECT = 0.64  # A: how often a point of the canary is the larger one; 0.5 is no difference, 0.64 a medium one
SURE = 3.0  # standard errors beyond the limit that convict by errors
SPREAD = 5  # slices with errors that it takes to convict: one burst is no proof, and the error ratio's own gate sees it
CLAIM = 1.6449  # and within it that clear: one-sided 95%


@dataclass(frozen=True, slots=True)
class Compared:
    """How two samples compare."""

    effect: float  # A: how often a value of the canary is larger than one of the stable side; ties count half
    chance: float  # how likely so large an A is if both are alike (one-sided)
    ratio: float  # of the medians
    points: int  # of the side that has fewer

    @property
    def worse(self) -> bool:
        """Tell whether the canary is larger by more than chance, and by more than a little."""
        return self.chance < CHANCE and self.effect >= EFFECT


def step_of(window: float) -> float:
    """Return how long the slices of a window are, seconds."""
    return max(SHORTEST_SLICE, window / SLICES)


def judge(threshold: Threshold, stable: Slices, canary: Slices) -> Verdict:
    """Weigh the canary's slices against the stable side's of the same window."""
    weigh = _errors if threshold.metric is Metric.ERROR_RATIO else _latency
    failed = next((s for s in (stable, canary) if s.failed), None)
    if failed is not None:
        status, value, samples = Status.ERROR, None, 0
        reason = failed.detail or "the metrics source does not answer"
    else:
        status, value, samples, reason = weigh(threshold, stable, canary)
    return Verdict(threshold.id, status, value, threshold.limit, threshold.window, samples, reason)


def compare(stable: Sequence[float], canary: Sequence[float]) -> Compared:
    """Compare two samples by Mann-Whitney's U, normal approximation with tie and continuity correction."""
    n, m = len(stable), len(canary)
    ranked = sorted([(value, 0) for value in stable] + [(value, 1) for value in canary])
    ranks, ties, at = 0.0, 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        ranks += (at + end + 1) / 2 * sum(which for _, which in ranked[at:end])
        ties += (end - at) ** 3 - (end - at)
        at = end
    u = ranks - m * (m + 1) / 2
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    beyond = u - n * m / 2 - 0.5
    chance = 0.5 * math.erfc(beyond / math.sqrt(2 * variance)) if variance > 0 else 0.5
    usual = statistics.median(stable)
    ratio = statistics.median(canary) / usual if usual > 0 else math.inf
    return Compared(u / (n * m), chance, ratio, min(n, m))


def _latency(threshold: Threshold, stable: Slices, canary: Slices) -> tuple[Status, float | None, int, str]:
    limit = words.quantity(threshold.limit, threshold.metric, threshold.unit)
    groups = dict(_groups(stable, canary, threshold.minimum_samples))
    pooled = groups[""]
    if pooled is None:
        counts = [sum(len(values) for values in _points(side).values()) for side in (stable, canary)]
        few = min(counts) if counts else 0
        reason = f"{few} of {threshold.minimum_samples} points of both sides: too few to compare them"
        return Status.INCONCLUSIVE, None, few, reason
    found = {kind: compared for kind, compared in groups.items() if compared is not None}
    kind, worst = max(found.items(), key=lambda item: (item[1].worse, item[1].ratio if item[1].worse else not item[0]))
    who = f"p95 of {kind or 'operations'} {worst.ratio:.3g} times the stable side's"
    how = f"A {worst.effect:.2f}, {worst.points} points"
    if worst.ratio <= threshold.limit:
        return Status.PASS, worst.ratio, worst.points, f"{who} ≤ {limit} ({how})"
    if worst.worse:
        return Status.FAIL, worst.ratio, worst.points, f"{who} > {limit} ({how})"
    if worst.chance >= CHANCE:
        return Status.PASS, worst.ratio, worst.points, f"{who}, which may be chance ({how})"
    return Status.INCONCLUSIVE, worst.ratio, worst.points, f"{who} > {limit}, but not clearly ({how})"


def _groups(stable: Slices, canary: Slices, least: int) -> Iterator[tuple[str, Compared | None]]:
    """Yield all kinds together under an empty name, and each kind that has points enough by itself."""
    one, other = _points(stable), _points(canary)
    both = [kind for kind in one if kind in other]
    usual = {kind: statistics.median(one[kind]) for kind in both}
    pooled = [[value / usual[kind] for kind in both for value in side[kind] if usual[kind]] for side in (one, other)]
    yield "", compare(*pooled) if min(map(len, pooled)) >= least else None
    for kind in both:
        if min(len(one[kind]), len(other[kind])) >= least:
            yield kind, compare(one[kind], other[kind])


def _points(slices: Slices) -> dict[str, list[float]]:
    """Return the p95 of each batch of each kind of operation."""
    chance = random.Random(SEED)
    found: dict[str, list[float]] = {}
    open_batches: dict[str, list[int]] = {}  # of kinds too rare to fill a batch in one slice
    for piece in slices.slices:
        for kind, count in piece.growth.kinds.items():
            bounds = _bounds(tuple(count.buckets))
            plain = _plain(count)
            before = open_batches.pop(kind, None)
            if before is not None and len(before) == len(plain):
                plain = [one + other for one, other in zip(plain, before, strict=True)]
            many = min(BATCHES, sum(plain) // BATCH)
            if not many:
                open_batches[kind] = plain
                continue
            dealt = _deal(plain, many * BATCH, chance)
            values = found.setdefault(kind, [])
            values += [_largest(dealt[n : n + BATCH], bounds) for n in range(0, len(dealt), BATCH)]
    return found


@lru_cache(maxsize=16)
def _bounds(names: tuple[str, ...]) -> tuple[float, ...]:
    """Return the upper bounds of buckets, which a Bridge tells in their order."""
    return tuple(sorted(map(float, names)))


def _plain(count: Count) -> list[int]:
    """Return how many operations fell into each bucket; a Bridge tells how many fell into it or below."""
    found, before = [], 0
    for seen in sorted(count.buckets.values()):  # what is cumulative only grows
        found.append(round(seen) - before)
        before = round(seen)
    return found


def _deal(plain: Sequence[int], number: int, chance: random.Random) -> list[int]:
    """Return the buckets of so many operations drawn by chance."""
    if sum(plain) > 4 * number:  # hardly any would be drawn twice
        return chance.choices(range(len(plain)), plain, k=number)
    every = [bucket for bucket, seen in enumerate(plain) for _ in range(seen)]
    return chance.sample(every, number)


def _largest(batch: Sequence[int], bounds: Sequence[float]) -> float:
    """Return the p95 of a batch: the middle of the bucket of its largest; beyond the last bound, that bound."""
    bucket = max(batch)
    lower = bounds[bucket - 1] if bucket else 0.0
    return lower if math.isinf(bounds[bucket]) else (lower + bounds[bucket]) / 2


def _errors(threshold: Threshold, stable: Slices, canary: Slices) -> tuple[Status, float | None, int, str]:
    one, other = _ratio(stable), _ratio(canary)
    few = round(min(one.operations, other.operations))
    if few < threshold.minimum_samples:
        reason = f"{few} of {threshold.minimum_samples} operations of both sides: too few to compare them"
        return Status.INCONCLUSIVE, None, few, reason
    difference = other.value - one.value
    limit = words.percent(threshold.limit)
    seen = f"errors {words.percent(other.value)} against {words.percent(one.value)} of the stable side"
    if difference > threshold.limit and other.slices >= SPREAD and _lowest(other, one) > 0:
        return Status.FAIL, difference, few, f"{seen}: more than {limit} beyond it"
    if _highest(other, one) > threshold.limit:
        return Status.INCONCLUSIVE, difference, few, f"{seen}: too few to claim ≤ {limit} beyond it"
    return Status.PASS, difference, few, f"{seen}: within {limit} of it"


@dataclass(frozen=True, slots=True)
class _Ratio:
    """An error ratio and how much it is worth."""

    value: float
    operations: float
    worth: float  # as many independent operations would tell as much
    slices: int  # in which there were errors


def _ratio(side: Slices) -> _Ratio:
    """Return a side's error ratio; errors that come in bursts are worth less than as many that come singly.

    How much less is told by how much the slices differ among each other (the design effect of a cluster sample).
    """
    counts = [(p.growth.errors, p.growth.operations) for p in side.slices if p.growth.operations]
    operations = sum(n for _, n in counts)
    if not operations:
        return _Ratio(0.0, 0.0, 0.0, 0)
    value = sum(bad for bad, _ in counts) / operations
    singly = value * (1 - value) * operations
    clustered = sum((bad - value * n) ** 2 for bad, n in counts) * len(counts) / max(1, len(counts) - 1)
    worth = operations / max(1.0, clustered / singly) if singly > 0 else operations
    return _Ratio(value, operations, worth, sum(bad > 0 for bad, _ in counts))


def _lowest(one: _Ratio, other: _Ratio) -> float:
    """Return the least that the difference of two ratios may be (Newcombe's hybrid of Wilson's intervals)."""
    low = _wilson(one.value, one.worth, SURE)[0]
    high = _wilson(other.value, other.worth, SURE)[1]
    return one.value - other.value - math.hypot(one.value - low, high - other.value)


def _highest(one: _Ratio, other: _Ratio) -> float:
    """Return the most that it may be."""
    high = _wilson(one.value, one.worth, CLAIM)[1]
    low = _wilson(other.value, other.worth, CLAIM)[0]
    return one.value - other.value + math.hypot(high - one.value, other.value - low)


def _wilson(ratio: float, samples: float, z: float) -> tuple[float, float]:
    middle = ratio + z * z / (2 * samples)
    spread = z * math.sqrt(ratio * (1 - ratio) / samples + z * z / (4 * samples**2))
    share = 1 + z * z / samples
    return max(0.0, (middle - spread) / share), min(1.0, (middle + spread) / share)
