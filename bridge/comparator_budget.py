"""How much the comparator may do: its looks are requests to the primary's mount, so they stand in clients' way.

Of the time that passes it spends a share, which is smaller while the processors are busy and larger while they
idle. Looks take longer where the primary is busy, so a share of the time is fewer looks then: it gives way by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

LEAST, MOST = 0.8, 0.95  # of the time
FEWEST_PATHS, MOST_PATHS = 24, 48  # compared at once, which is one request to the shadow
BUSY, IDLE = 0.1, 0.6  # of the processors' time that is idle: below the least, above the most
FASTEST = 1000  # comparisons a second, however idle the machine is
PERIOD = 0.5  # seconds between two looks at the processors
LONGEST_PAUSE = 0.6  # seconds: a gate waits for comparisons also where the machine is never idle

Ticks = tuple[int, int]  # of all processors together: idle, and in all


def ticks() -> Ticks:
    """Return what the processors did since the machine was started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    return fields[1] + fields[3] + fields[4], sum(fields)  # nice processes wait for others, too


class Budget:
    """Says how long to pause after each piece of work."""

    def __init__(self, look: Callable[[], Ticks] = ticks, clock: Callable[[], float] = time.monotonic) -> None:
        self._look, self._clock = look, clock
        self._before, self._looked_at = look(), clock()
        self.share = LEAST  # of the time that may be spent

    @property
    def paths(self) -> int:
        """How many paths to compare at once: few while every one of them may be in somebody's way."""
        return round(FEWEST_PATHS + (MOST_PATHS - FEWEST_PATHS) * (self.share - LEAST) / (MOST - LEAST))

    def pause(self, took: float, done: int) -> float:
        """Return the seconds to wait after work that took so long and compared so many operations."""
        if self._clock() - self._looked_at >= PERIOD:
            self._judge()
        return min(max(took / self.share - took, done / FASTEST - took), LONGEST_PAUSE)

    def _judge(self) -> None:
        (idle_before, all_before), now = self._before, self._look()
        self._before, self._looked_at = now, self._clock()
        idle = (now[0] - idle_before) / max(1, now[1] - all_before)
        self.share = LEAST + (MOST - LEAST) * min(1.0, max(0.0, (idle - BUSY) / (IDLE - BUSY)))
