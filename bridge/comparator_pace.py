"""How fast the comparator may go: its looks are requests to the primary's mount, so they stand in clients' way.

It goes evenly, a few paths at a time, so that nobody waits for a burst of it: a week of even a slow pace compares more
than any gate asks for. Where a look takes long because the primary is busy, it goes slower by itself.
"""

from __future__ import annotations

MOST = 0.9  # of the time may be spent, whatever the rate
SLICE = 0.1  # seconds: what is due in so long is compared at once
MOST_PATHS = 48  # at once, which is one request to the shadow
OPERATIONS = 2  # that one look at a path judges, usually: getattr, and reading it
LONGEST_PAUSE = 5.0  # seconds, so that a mirror that is told to end does not wait


class Pace:
    """Says how much to compare at once, and how long to pause after it.

    Args:
        rate: Comparisons a second, at most.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate

    @property
    def paths(self) -> int:
        """How many paths to compare at once."""
        return min(MOST_PATHS, max(1, round(self.rate * SLICE / OPERATIONS)))

    def pause(self, took: float, done: int) -> float:
        """Return the seconds to wait after work that took so long and compared so many operations."""
        return min(max(took / MOST, done / self.rate) - took, LONGEST_PAUSE)
