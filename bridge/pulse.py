"""Judging a mount by its heartbeats: one slow answer is no proof."""

from __future__ import annotations

import time
from collections import deque

from dualfuse.heartbeat import Beat

JUDGED, MISSED = 5, 3  # a mount that missed 3 of the last 5 heartbeats, the last one among them, is unresponsive
HUNG_LIMIT = 30.0  # seconds without one answered heartbeat after which its process is replaced


class Pulse:
    """The last heartbeats of one mount, from the moment it was proved alive."""

    def __init__(self) -> None:
        self._beats: deque[bool] = deque(maxlen=JUDGED)
        self._answered = time.monotonic()
        self.last = Beat(alive=True, seconds=0.0)

    def add(self, beat: Beat) -> None:
        """Note a heartbeat."""
        self.last = beat
        self._beats.append(beat.alive)
        if beat.alive:
            self._answered = time.monotonic()

    @property
    def unresponsive(self) -> bool:
        """Whether it must be said that the mount does not answer."""
        return not self.last.alive and self._beats.count(False) >= MISSED

    @property
    def lost(self) -> bool:
        """Whether there is no more hope that it will."""
        return time.monotonic() - self._answered > HUNG_LIMIT
