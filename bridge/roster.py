"""Who the caller at hand is: the agents' file as it is now, and whom the API's own threads work for.

The file is looked at again once a second at most. One that has become senseless, or has gone, changes nothing: it must
not happen that a slip of the pen lets everybody in.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from bridge.agents import Agent, Agents, AgentsError, read
from bridge.sections.section import Caller
from bridge.workers import Workers

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds


class Roster:
    """The agents of a file that may change at any time.

    Args:
        path: The file; it need not exist.
        clock: Seconds that only grow.

    Raises:
        AgentsError: The file makes no sense.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._stamp = self._looked_like()
        self._agents = read(path)
        self._next = clock() + LOOK

    @property
    def agents(self) -> Agents:
        """The agents as the file says now."""
        if self._clock() >= self._next:
            self._next = self._clock() + LOOK
            stamp = self._looked_like()
            if stamp != self._stamp:
                self._stamp = stamp
                self._read_again()
        return self._agents

    def _read_again(self) -> None:
        try:
            fresh = read(self._path)
        except AgentsError as error:
            log.error("the agents stay as they were: %s", error)
            return
        if fresh.open:
            log.error("%s is gone: the agents stay as they were until a restart", self._path)
            return
        log.info("read the agents again")
        self._agents = fresh

    def _looked_like(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino


class Callers:
    """Tells the agent of a call that came through the mount."""

    def __init__(self, roster: Roster, workers: Workers) -> None:
        self._roster = roster
        self._workers = workers

    def __call__(self, caller: Caller) -> Agent:
        """Return who makes a call: for a thread of the API, the agent whose request it serves."""
        if caller.uid == os.getuid():
            name = self._workers.works_for(caller.pid)
            if name:
                return self._roster.agents.by_name(name)
        return self._roster.agents.by_uid(caller.uid)
