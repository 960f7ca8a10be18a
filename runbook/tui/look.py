"""What the screens show: one look at the deployment, taken by whoever stands outside the interface's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from checks.gate import Verdict
from deployment.metrics.source import Measurement, Metric
from deployment.model import Side
from runbook import snapshot
from runbook.engine import Engine
from runbook.journal import Event
from runbook.snapshot import Snapshot

#: How many of the newest events a look brings.
NEWEST = 100
#: What both sides are asked for, seconds back.
WINDOW = 60.0
WATCHED = (
    *(Metric.P50, Metric.P95, Metric.P99, Metric.ERROR_RATIO, Metric.OPERATIONS_RATE),
    *(Metric.DIVERGENCE_RATIO, Metric.MEMORY),
)
#: What is kept over time, and for how many points.
CHARTED = (Metric.P95, Metric.ERROR_RATIO)
POINTS = 1800


@dataclass(frozen=True, slots=True)
class Seen:
    """One look."""

    snapshot: Snapshot
    events: tuple[Event, ...] = ()  # the newest, oldest first
    readings: tuple[Measurement, ...] = ()  # empty where nothing was measured

    def reading(self, metric: Metric, side: Side) -> Measurement | None:
        """Return one measurement of this look, or None where it was not asked for."""
        return next((r for r in self.readings if r.metric is metric and r.side is side), None)


def look(engine: Engine, *, measure: bool) -> Seen:
    """Look at everything once.

    Args:
        engine: Of the deployment, opened in this thread.
        measure: Ask the metrics too.
    """
    seen = snapshot.take(engine, measure=measure)
    events = tuple(deque(engine.journal.events(), maxlen=NEWEST))
    if not measure or not seen.observed.instances:
        return Seen(seen, events)
    readings = tuple(engine.judgement.measure(metric, side, WINDOW) for side in Side for metric in WATCHED)
    return Seen(seen, events, readings)


@dataclass(slots=True)
class Trail:
    """What was measured since the screen was opened: points of time and value, for the charts."""

    sides: dict[tuple[Metric, Side], deque[tuple[float, float]]] = field(default_factory=dict)
    gates: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)

    def add(self, seen: Seen) -> None:
        """Keep what a look measured."""
        for reading in seen.readings:
            if reading.metric in CHARTED and reading.value is not None:
                points = self.sides.setdefault((reading.metric, reading.side), deque(maxlen=POINTS))
                if not points or points[-1][0] < reading.at:
                    points.append((reading.at, reading.value))
        at = seen.snapshot.measured_at
        for verdict in seen.snapshot.verdicts:
            if verdict.value is not None and at is not None:
                values = self.gates.setdefault(verdict.id, deque(maxlen=60))
                if not values or values[-1][0] < at:
                    values.append((at, verdict.value))

    def of(self, metric: Metric, side: Side, since: float) -> list[tuple[float, float]]:
        """Return one side's points from a time on."""
        return [(at, value) for at, value in self.sides.get((metric, side), ()) if at >= since]

    def spark(self, verdict: Verdict, width: int) -> str:
        """Return a gate's newest values as a row of bars, scaled so that its limit is the top."""
        values = [value for _, value in self.gates.get(verdict.id, ())][-width:]
        return "".join(_bars(values, verdict.limit))


def _bars(values: list[float], limit: float) -> Iterator[str]:
    top = max([limit, *values]) or 1.0
    for value in values:
        yield "▁▂▃▄▅▆▇█"[min(7, int(value / top * 7.999))]
