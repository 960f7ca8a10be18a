"""How fast the comparator may go: its looks are requests to the primary's mount, so they stand in clients' way.

It goes evenly, a few paths at a time, so that nobody waits for a burst of it. Where the primary has hardly any time
left it goes at a fifth of its rate: a week of even that compares far more than any gate asks for.
"""

from __future__ import annotations

MOST = 0.9  # of the time may be spent, whatever the rate
#: Seconds: what is due in the first is compared at once; where that takes longer, what is due in as long, but in the
#: second at most.
SLICE, LONGEST_SLICE = 0.1, 1.0
MOST_PATHS = 48  # at once, which is one request to the shadow
OPERATIONS = 2  # that one look at a path judges, usually: what was done to it, and reading it
#: Shares of a processor that the primary's mount process uses: from the first on it is spared, from the second on most.
FREE, BUSY = 0.7, 0.85
SPARED = 5.0  # times slower
REMEMBERED = 2.0  # seconds over which that share is taken
LONGEST_PAUSE = 5.0  # seconds, so that a mirror that is told to end does not wait


class Pace:
    """Says how much to compare at once, and how long to pause after it.

    Args:
        rate: Comparisons a second, at most.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._busy = self._took = 0.0
        self._last: tuple[float, float] | None = None

    def saw(self, now: float, cpu: float) -> None:
        """Take note of how much processor time the primary's mount process has used so far; both in seconds."""
        last, self._last = self._last or (now, cpu), (now, cpu)
        passed = now - last[0]
        if passed > 0:
            recent = max(0.0, cpu - last[1]) / passed  # a process that was replaced counts from 0
            self._busy += (recent - self._busy) * min(1.0, passed / REMEMBERED)

    @property
    def spared(self) -> float:
        """How many times slower than its rate it goes, to spare the primary."""
        return 1.0 + (SPARED - 1.0) * min(1.0, max(0.0, (self._busy - FREE) / (BUSY - FREE)))

    @property
    def paths(self) -> int:
        """How many paths to compare at once."""
        due = self.rate / self.spared * min(max(SLICE, self._took), LONGEST_SLICE)
        return min(MOST_PATHS, max(1, round(due / OPERATIONS)))

    def pause(self, took: float, done: int) -> float:
        """Return the seconds to wait after work that took so long and compared so many operations."""
        self._took = took
        return min(max(took / MOST, self.spared * done / self.rate) - took, LONGEST_PAUSE)
