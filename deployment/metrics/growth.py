"""How far counters grew between looks at a Bridge, whoever was restarted in between. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from deployment.metrics.exposition import Count, Reading


@dataclass(slots=True)
class Growth:
    """What happened over a span of time."""

    operations: float = 0.0
    errors: float = 0.0
    timed: float = 0.0
    cpu: float = 0.0
    buckets: dict[str, float] = field(default_factory=dict)
    comparisons: dict[str, float] = field(default_factory=dict)
    divergences: dict[str, float] = field(default_factory=dict)
    kinds: dict[str, Count] = field(default_factory=dict)
    pairs: int = 0  # how many pairs of looks it was counted from

    def add(self, now: Reading, then: Reading) -> None:
        """Add what happened between two looks at one Bridge."""
        if now.started != then.started or now.operations < then.operations or now.timed < then.timed:
            then = Reading()  # a process that was started again counts from 0
        self.pairs += 1
        self.operations += now.operations - then.operations
        self.errors += now.errors - then.errors
        self.timed += now.timed - then.timed
        self.cpu += max(0.0, now.cpu - then.cpu)
        _grow(self.buckets, now.buckets, then.buckets)
        _grow(self.comparisons, now.comparisons, then.comparisons)
        _grow(self.divergences, now.divergences, then.divergences)
        for name, kind in now.kinds.items():
            before = then.kinds.get(name) or Count()
            if kind.operations == before.operations and kind.timed == before.timed:
                continue
            grown = self.kinds.setdefault(name, Count())
            grown.operations += kind.operations - before.operations
            grown.errors += kind.errors - before.errors
            grown.timed += kind.timed - before.timed
            grown.seconds += kind.seconds - before.seconds
            _grow(grown.buckets, kind.buckets, before.buckets)


def grown(
    looks: Iterable[tuple[str, Reading]], start: float, before: Mapping[str, Reading] = MappingProxyType({})
) -> Growth:
    """Add up how far the counters grew from look to look.

    Args:
        looks: Where each look was at (a Bridge's URL) and what was read, oldest first.
        start: Unix time. What a process that began after it had counted at its first look happened in this span.
        before: The last look ahead of these at each of them.
    """
    growth = Growth()
    previous = dict(before)
    for where, now in looks:
        then = previous.get(where)
        if then is None and now.started >= start:
            then = Reading(started=now.started)
        previous[where] = now
        if then is not None:
            growth.add(now, then)
    return growth


def _grow(sums: dict[str, float], new: dict[str, float], old: dict[str, float]) -> None:
    for key, count in new.items():
        sums[key] = sums.get(key, 0.0) + count - old.get(key, 0.0)
