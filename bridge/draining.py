"""Mounts that were taken off the mount point and serve what is still open on them.

A mount that drains ends by itself when the last handle is closed. Whoever keeps it longer than the drain timeout is
named; after `BOUND` times that it is asked to end, which stores what was written through it, and its holder meets
ENOTCONN. Without a bound each switch under a program that never closes its log would cost one more process for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from bridge.mount_child import MountChild
from dualfuse.holders import Holder, holders

log = logging.getLogger(__name__)

BOUND = 10  # drain timeouts that handles may stay open after a switch
GRACE = 5.0  # seconds a mount has to end when it was asked to
LISTED = 20  # holders named of one mount


@dataclass(eq=False)
class Drain:
    """One mount that drains."""

    child: MountChild
    device: tuple[int, int] | None  # asked for before it was taken off: nobody can tell afterwards
    since: float
    looked_at: float = 0.0  # when its holders were looked for last, counted from `since`
    held_by: tuple[str, ...] = ()
    asked_to_end: float | None = None

    @property
    def name(self) -> str:
        """What it is called in the log and by /health."""
        return self.child.mountpoint.name


class Draining:
    """All mounts that drain.

    Args:
        ended: Told of each process that has ended.
        clock: Seconds that only grow.
        held: Finds who holds a device.
    """

    def __init__(
        self,
        ended: Callable[[MountChild], None],
        clock: Callable[[], float] = time.monotonic,
        held: Callable[[int, int], list[Holder]] = holders,
    ) -> None:
        self._ended, self._clock, self._held = ended, clock, held
        self._drains: list[Drain] = []

    def __bool__(self) -> bool:
        return bool(self._drains)

    def add(self, child: MountChild) -> None:
        """Let a mount drain from now on; it is taken off by its caller."""
        self._drains.append(Drain(child, child.device(), self._clock()))

    def children(self) -> list[MountChild]:
        """Return the processes that still serve."""
        return [drain.child for drain in self._drains]

    def held_by(self) -> dict[str, tuple[str, ...]]:
        """Return the mounts that drain, each with the processes that have kept it for too long."""
        return {drain.name: drain.held_by for drain in self._drains}

    def bury(self) -> bool:
        """Tidy up after those that have ended, and return whether there were any."""
        gone = [drain for drain in self._drains if drain.child.ended()]
        for drain in gone:
            log.info("%s has drained", drain.name)
            self._drains.remove(drain)
            self._ended(drain.child)
        return bool(gone)

    def press(self, timeout: float) -> bool:
        """Name who keeps a mount too long, and end what was kept far too long; return whether there is news."""
        news = False
        for drain in self._drains:
            waited = self._clock() - drain.since
            if waited - drain.looked_at >= timeout:
                drain.looked_at = waited
                self._name(drain)
                log.warning("%s is still open after %.0f s%s", drain.name, waited, _listed(drain.held_by))
                news = True
            if drain.asked_to_end is None and waited >= BOUND * timeout:
                log.error("%s is ended although it is open", drain.name)
                drain.asked_to_end = waited
                drain.child.process.terminate()
            elif drain.asked_to_end is not None and waited - drain.asked_to_end >= GRACE:
                drain.child.kill()
        return news

    def end_all(self) -> None:
        """End whatever still serves, and name who held it."""
        for drain in self._drains:
            self._name(drain)
            log.warning("%s is ended although it is open%s", drain.name, _listed(drain.held_by))
            drain.child.kill()
            self._ended(drain.child)
        self._drains.clear()

    def _name(self, drain: Drain) -> None:
        found = self._held(*drain.device) if drain.device else []
        drain.held_by = tuple(f"process {one.pid} ({one.command}): {one.what}" for one in found[:LISTED])


def _listed(held_by: tuple[str, ...]) -> str:
    return f": {', '.join(held_by)}" if held_by else ""
