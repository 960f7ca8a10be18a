"""Purges a sample project as week 8 does, and is killed at one of its boundaries; run as a child process.

    python -m benchmarks.cleaning.killed SETTINGS forward N     go on with the purge; SIGKILL at the Nth boundary
    python -m benchmarks.cleaning.killed SETTINGS back 0        roll back

A boundary lies before and after each action, and after each of git's commands that changes something. What is printed
at the end is how many boundaries there were.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cleanup import debs
from deployment.model import Deployment, Observation
from runbook.clock import WallClock
from runbook.journal import Journal
from runbook.lock import OperatorLock
from runbook.purge import Purge
from runbook.settings import load
from runbook.steps import Walker, Wanted
from tests.checks.places import HostTarget

CHANGING = frozenset({"tag", "update-ref", "commit-tree", "checkout", "write-tree", "bundle", "clone"})
NOTHING = Deployment(None)  # no Bridge: what is walked here is the purge
EMPTY = Observation(router=True, weight=0, images=frozenset())


@dataclass
class Boundaries:
    """Counts boundaries, and kills this process at one of them."""

    last: int  # 0: none
    passed: int = 0

    def here(self) -> None:
        """Pass a boundary, or end there."""
        self.passed += 1
        if self.passed == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Walk, and print the number of boundaries."""
    settings, way, boundaries = load(Path(sys.argv[1])), sys.argv[2], Boundaries(int(sys.argv[3]))
    journal, clock, target = Journal(settings.journal), WallClock(), HostTarget(EMPTY)
    debs.CACHE = settings.path.parent.with_name("debs")  # fetched once, and not for every kill
    purge = Purge(settings, target, journal, clock)
    wanted = (
        Wanted(NOTHING, purge.first, purge.last) if way == "forward" else Wanted(NOTHING, purge.back, purge.shown_again)
    )
    subprocess.run = _counted(subprocess.run, boundaries)

    def write(kind: str, **data: Any) -> None:
        journal.append(clock.now(), kind, **data)
        if kind in ("change-started", "change-done"):
            boundaries.here()

    lock = OperatorLock(settings.place.state)
    with lock.held("cleanup"):
        Walker(target, clock, lock, lambda _line: None).bring(wanted, write)
    print(boundaries.passed)


def _counted(run: Callable[..., Any], boundaries: Boundaries) -> Callable[..., Any]:
    def counted(command: Any, *arguments: Any, **options: Any) -> Any:
        done = run(command, *arguments, **options)
        if command and command[0] == "git" and CHANGING.intersection(command):
            boundaries.here()
        return done

    return counted


if __name__ == "__main__":
    main()
