"""Traffic to judge: operations drawn by chance, or those that were recorded, counted as a Bridge counts them."""

from __future__ import annotations

import json
import math
import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from deployment.metrics.exposition import Count
from deployment.metrics.growth import Growth
from deployment.metrics.series import Slice, Slices
from deployment.model import Side
from dualfuse.instrument import BUCKETS

BOUNDS = [*map(repr, BUCKETS), "+Inf"]
# kind of operation → median seconds, spread (sigma of the logarithm), operations a second of both sides together
KINDS = {
    "getattr": (60e-6, 0.5, 90.0),
    "read": (150e-6, 0.7, 60.0),
    "write": (300e-6, 0.9, 40.0),
    "open": (90e-6, 0.6, 30.0),
    "readdir": (900e-6, 1.0, 12.0),
}


def count(latencies: Sequence[float], errors: float = 0) -> Count:
    """Count operations that took so long."""
    plain = [0] * len(BOUNDS)
    for latency in latencies:
        plain[bisect_left(BUCKETS, latency)] += 1
    return of_buckets(plain, sum(latencies), errors)


def of_buckets(plain: Sequence[int], seconds: float, errors: float = 0) -> Count:
    """Return what a Bridge would tell of operations in these buckets, which are not cumulative."""
    total = float(sum(plain))
    return Count(total, errors, total, seconds, dict(zip(BOUNDS, map(float, accumulate(plain)), strict=True)))


def slices(side: Side, pieces: Sequence[Mapping[str, Count]], step: float = 1.0) -> Slices:
    """Return a side's past."""
    found = []
    for number, kinds in enumerate(pieces):
        growth = Growth(pairs=1, kinds=dict(kinds))
        growth.operations = growth.timed = sum(k.operations for k in kinds.values())
        growth.errors = sum(k.errors for k in kinds.values())
        found.append(Slice((number + 1) * step, step, growth))
    return Slices(side, step, tuple(found))


class Traffic:
    """Two sides under one load, on one machine that is sometimes busy."""

    def __init__(self, seed: int, share: float, step: float = 1.0, pool: int = 60) -> None:
        """Draw by `seed`; the canary has a `share` of the operations. Drawn slices are used again from a pool."""
        self.chance = random.Random(seed)
        self._share, self._step, self._size = share, step, pool
        self._pools: dict[tuple[str, float, int, int], list[Count]] = {}

    def pair(self, number: int, slower: Mapping[str, float] | float = 1.0, tail: float = 1.0) -> tuple[Slices, Slices]:
        """Return both sides over so many slices.

        Args:
            number: Of slices.
            slower: How many times longer the canary's operations take, all or by kind.
            tail: How many times longer the slowest tenth of the canary's operations takes.
        """
        stable, canary = [], []
        busy = 0
        for _ in range(number):
            if self.chance.random() < 0.2:  # a busy spell lasts some slices and meets both sides
                busy = self.chance.choice((0, 0, 1, 2))
            factors = {k: slower if isinstance(slower, float) else slower.get(k, 1.0) for k in KINDS}
            stable.append({k: self._draw(k, 1 - self._share, busy, 1.0, 1.0) for k in KINDS})
            canary.append({k: self._draw(k, self._share, busy, factors[k], tail) for k in KINDS})
        return slices(Side.STABLE, stable, self._step), slices(Side.CANARY, canary, self._step)

    def _draw(self, kind: str, share: float, busy: int, slower: float, tail: float) -> Count:
        _, _, rate = KINDS[kind]
        mean = rate * share * self._step
        many = max(0, round(self.chance.gauss(mean, math.sqrt(mean))))
        coarse = max(1, round(math.sqrt(mean)))
        many = round(many / coarse) * coarse  # few sizes, so that the pools are used again
        pool = self._pools.setdefault((kind, slower * 1000 + tail, busy, many), [])
        if len(pool) < self._size:
            pool.append(count(self._latencies(kind, many, busy, slower, tail)))
            return pool[-1]
        return self.chance.choice(pool)

    def _latencies(self, kind: str, many: int, busy: int, slower: float, tail: float) -> list[float]:
        median, spread, _ = KINDS[kind]
        center = math.log(median * (1.0, 1.6, 3.0)[busy] * slower)
        edge = center + 1.2816 * spread  # nine tenths are below it
        drawn = (self.chance.gauss(center, spread) for _ in range(many))
        return [math.exp(value) * (tail if value > edge else 1.0) for value in drawn]


class Recorded:
    """Traffic of a real Bridge: per second and kind of operation, how many fell into which bucket."""

    def __init__(self, file: Path) -> None:
        self._seconds: list[dict[str, list[int]]] = json.loads(file.read_text())["seconds"]

    def pair(self, seed: int, step: int, share: float, slower: float = 1.0) -> tuple[Slices, Slices]:
        """Deal the recorded operations out to both sides by chance; the canary's take so many times longer."""
        chance = random.Random(seed)
        sides: tuple[list[dict[str, Count]], list[dict[str, Count]]] = ([], [])
        for start in range(0, len(self._seconds) - step + 1, step):
            drawn: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
            for second in self._seconds[start : start + step]:
                for kind, plain in second.items():
                    for number, many in enumerate(plain):
                        low, high = ((0.0, *BUCKETS)[number], (*BUCKETS, 10.0)[number])
                        for _ in range(many):
                            which = chance.random() < share
                            latency = chance.uniform(low, high) * (slower if which else 1.0)
                            drawn[which].setdefault(kind, []).append(latency)
            for side, kinds in zip(sides, drawn, strict=True):
                side.append({kind: count(latencies) for kind, latencies in kinds.items()})
        return slices(Side.STABLE, sides[0], step), slices(Side.CANARY, sides[1], step)
