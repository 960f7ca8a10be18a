"""Does the clock go right? Soaks, windows and backups are judged by it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from checks import remedies, words
from checks.check import Check, Context, Finding

AHEAD = 120.0  # seconds a file's time may be ahead of the clock
RELEASED = 1_767_225_600.0  # 2026-01-01: no clock that goes right shows less


def clock(context: Context) -> Finding | None:
    """Compare the clock with the newest times the tool wrote down, and with this version's year."""
    now = context.now()
    why = "A soak would end too early or never, and Prometheus would be asked about a time it does not know."
    commands = (remedies.as_root("timedatectl set-ntp true"),)
    if now < RELEASED:
        return Finding("the clock is before 2026", why, "set it, and keep it right by NTP", commands)
    file, newest = max(_times(context), key=lambda found: found[1], default=(Path(), 0.0))
    if newest - now > AHEAD:
        seen = f"the clock is {words.duration(newest - now)} behind {file}, which was written before"
        return Finding(seen, why, "set the clock, and keep it right by NTP", commands)
    return None


def _times(context: Context) -> Iterator[tuple[Path, float]]:
    for file in (context.place.state / "journal.sqlite", context.place.store):
        if file.exists():
            yield file, os.stat(file).st_mtime  # noqa: PTH116 - the file that the path leads to


CHECKS = (Check("host.clock", "Does the clock go right?", "host", clock, fine="the clock goes right"),)
