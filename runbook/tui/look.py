"""What the screens show: one look at the deployment, taken by whoever stands outside the interface's thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from runbook import metering, snapshot
from runbook.engine import Engine
from runbook.journal import Event
from runbook.metering import Metered
from runbook.snapshot import Snapshot

#: How many of the newest events a look brings.
NEWEST = 100


@dataclass(frozen=True, slots=True)
class Past:
    """How much of the past is wanted, and how often."""

    window: float  # seconds
    pieces: int
    every: float  # seconds between two measurements
    operation: str = ""  # only this kind; empty: all of them


#: Behind the sparklines of home.
HOME = Past(3600.0, 30, every=10.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """One look."""

    snapshot: Snapshot
    events: tuple[Event, ...] = ()  # the newest, oldest first
    metered: Metered | None = None  # None where the past was not asked for


def look(engine: Engine, *, measure: bool, past: Past | None) -> Seen:
    """Look at everything once.

    Args:
        engine: Of the deployment, opened in this thread.
        measure: Weigh the gates and take a sample; else what others measured is read.
        past: What of the past is wanted too.
    """
    seen = snapshot.take(engine, measure=measure)
    events = tuple(deque(engine.journal.events(), maxlen=NEWEST))
    if past is None or not seen.observed.instances:
        return Seen(seen, events)
    sampled = not measure or seen.measured_at == seen.at  # a snapshot that weighs the gates takes a sample itself
    metered = metering.meter(engine, past.window, past.operation, pieces=past.pieces, only_look=sampled)
    return Seen(seen, events, metered)
