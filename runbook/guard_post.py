"""The guard's post: one guard stands on it, and everybody can see whether it still looks.

Who stands there holds a flock, which the kernel releases when it dies, and writes down at each look who it is (process
number and start, because numbers are given again) and what it saw. It takes its note away when it leaves in order: a
note that lies there while nobody holds the lock is that of a guard that died.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deployment.errors import LockedError
from deployment.whole_file import write_whole

#: A guard that has not looked for so long hangs, seconds.
SILENT = 10.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Who guards, as it was seen."""

    alive: bool  # somebody stands there and looks
    words: str  # "`watch` by process 812 looked 0.4 s ago", "LOST: ..."
    lost: bool = False  # somebody stood there and died or hangs
    trouble: str = ""  # what it says is wrong
    watches: tuple[str, ...] = ()  # the mounts whose heartbeats it has


class GuardPost:
    """The post of one deployment."""

    def __init__(self, state: Path) -> None:
        self._lock = state / "guard.lock"
        self._note = state / "guard.json"
        self._who: dict[str, Any] = {}

    @contextmanager
    def taken(self, command: str) -> Iterator[str]:
        """Stand guard; yields what became of the guard before, where it died on its post.

        Raises:
            LockedError: Somebody stands there already.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as file:
            if not _try(file):
                raise LockedError(
                    f"this deployment has a guard: {self.standing().words}",
                    "one is enough; `lighthouse-migrate status` shows what it sees",
                )
            before = self._read()
            lost = _died(before) if before else ""
            pid = os.getpid()
            self._who = {"pid": pid, "started": started(pid), "command": command, "since": time.time()}
            try:
                yield lost
            finally:
                self._note.unlink(missing_ok=True)

    def look(self, trouble: str = "", watches: Iterable[str] = ()) -> None:
        """Write down that the guard looked now, what is wrong, and which mounts answer to it."""
        seen = {"at": time.time(), "trouble": trouble, "watches": [*watches]}
        write_whole(self._note, json.dumps({**self._who, **seen}))

    def standing(self) -> Standing:
        """Return who guards now."""
        note = self._read()
        if not self._held():
            if note:
                return Standing(False, f"LOST: {_died(note)}", lost=True)
            return Standing(False, "none: nobody watches the triggers")
        if not note:
            return Standing(True, "just begins")
        ago = max(0.0, time.time() - note["at"])
        who = f"`{note['command']}` by process {note['pid']}"
        if ago > SILENT:
            return Standing(False, f"LOST: {who} hangs: it has not looked for {ago:.0f} s", lost=True)
        watches = tuple(note["watches"])
        return Standing(True, f"{who} looked {ago:.1f} s ago", trouble=str(note["trouble"]), watches=watches)

    def _held(self) -> bool:
        if not self._lock.exists():
            return False
        with self._lock.open("a+") as file:
            try:  # shared: two that look at once are in nobody's way
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _read(self) -> dict[str, Any]:
        try:
            note: dict[str, Any] = json.loads(self._note.read_text())
        except FileNotFoundError:
            return {}
        return note


def started(pid: int) -> int:
    """Return when a process was started, in clock ticks since the machine was; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19])
    except OSError:
        return 0


def _died(note: dict[str, Any]) -> str:
    ago = max(0.0, time.time() - note["at"])
    here = note["started"] and started(note["pid"]) == note["started"]
    how = "left its post without a word" if here else "died"
    return f"`{note['command']}` by process {note['pid']} {how}; it last looked {ago:.0f} s ago"


def _try(file: IO[str]) -> bool:
    """Take the lock, trying again for a moment: whoever looks at it holds it for an instant."""
    for _ in range(10):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False
