"""Heartbeats of mounts, each from a child that can be left behind, and what several of them prove.

One slow answer is no proof: a mount is convicted by `N` misses among its last `M` beats, the last one among them. What
is mounted at a path is read from the kernel's table: where that is another mount than before and nobody was in the
middle of a change, the process that served it died and was replaced, however quickly.

The child asks for a name on the mount and for the file system's state, which no cache of the kernel answers. It is the
smallest program that does that: two of them start every second.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deployment.targets import mounts

N, M = 3, 5
EVERY = 0.5  # seconds between two beats
LIMIT = 1.0  # seconds a mount may take to answer
ASKED = "current"  # a name that need not be there: whether it is, only the file system itself can say

Shown = Callable[[str], str]
Start = Callable[[str], "subprocess.Popen[bytes]"]


@dataclass(slots=True)
class Pulse:
    """The last beats of one mount."""

    path: str
    identity: str = ""  # what is mounted there; empty: nothing is
    beats: deque[bool] = field(default_factory=lambda: deque(maxlen=M))
    error: str = ""
    replaced: bool = False

    @property
    def convicted(self) -> bool:
        """Tell whether the mount does not answer."""
        return bool(self.beats) and not self.beats[-1] and self.beats.count(False) >= N

    @property
    def fault(self) -> str:
        """Return what is wrong with the mount, in words, or an empty string."""
        if self.convicted:
            return f"{self.beats.count(False)} of {len(self.beats)} heartbeats were not answered ({self.error})"
        return "the process that serves it died and was replaced" if self.replaced else ""

    @property
    def well(self) -> bool:
        """Tell whether the last beat was answered and nothing else is wrong; before the first, nobody knows."""
        return bool(self.beats) and self.beats[-1] and not self.fault


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    pulse: Pulse
    until: float  # monotonic


class Beats:
    """Asks mounts again and again. Nothing here ever waits for one."""

    def __init__(self, start: Start | None = None, shown: Shown | None = None) -> None:
        """Ask by `start`, which begins a child for a path; `shown` names what is mounted there."""
        self._start, self._shown = start or ask, shown or mounted_at
        self.pulses: dict[str, Pulse] = {}  # by what is asked: an instance's name, or "live path"
        self._children: list[_Child] = []
        self._abandoned: list[subprocess.Popen[bytes]] = []  # in uninterruptible sleep: they end when the mount does

    def watch(self, paths: Mapping[str, str]) -> None:
        """Ask these mounts from now on, each under a name, and no others."""
        for name, path in paths.items():
            if name not in self.pulses or self.pulses[name].path != path:
                self.pulses[name] = Pulse(path)
        for name in self.pulses.keys() - paths.keys():
            del self.pulses[name]

    def begin(self, *, changing: bool = False) -> None:
        """Start one beat of every mount; while somebody is `changing` the deployment, another mount is no news."""
        for pulse in self.pulses.values():
            now = self._shown(pulse.path)
            if now and pulse.identity and now != pulse.identity and not changing:
                pulse.replaced = True
            if changing:
                pulse.replaced = False
            pulse.identity = now or pulse.identity
            if not now:
                self._note(pulse, False, "nothing is mounted")
                continue
            self._children.append(_Child(self._start(pulse.path), pulse, time.monotonic() + LIMIT))

    def collect(self) -> None:
        """Take the answers that have come, and give up what is late."""
        self._abandoned = [process for process in self._abandoned if process.poll() is None]
        for child in self._children[:]:
            code = child.process.poll()
            if code is None and time.monotonic() < child.until:
                continue
            self._children.remove(child)
            if code is None:
                self._note(child.pulse, False, f"no answer within {LIMIT:g} s")
                child.process.kill()
                if child.process.stderr is not None:
                    child.process.stderr.close()
                self._abandoned.append(child.process)
                continue
            said = b"" if child.process.stderr is None else child.process.stderr.read()
            absent = b"No such file" in said  # an answer all the same
            error = "" if code == 0 or absent else said.decode("utf-8", "replace").strip().rpartition(": ")[2]
            self._note(child.pulse, code == 0 or absent, error)
            if child.process.stderr is not None:
                child.process.stderr.close()

    def end(self) -> None:
        """Leave no child behind that can be ended."""
        for child in self._children:
            child.process.kill()
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(0.2)
        self._children.clear()

    @staticmethod
    def _note(pulse: Pulse, answered: bool, error: str) -> None:
        pulse.beats.append(answered)
        pulse.error = error or pulse.error


def ask(path: str) -> subprocess.Popen[bytes]:
    """Start a child that asks a mount."""
    return subprocess.Popen(
        ["stat", "--file-system", "--format=%T", "--", f"{path}/{ASKED}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        cwd="/",
        start_new_session=True,
    )


def mounted_at(path: str) -> str:
    """Return what is mounted at a path or where its symbolic link leads; empty where nothing is.

    A device's number is given to the next mount as soon as it is free, so it does not tell a mount from the one that
    replaced it. Where it was mounted first does: each mount of a Bridge begins at a place of its own. The kernel lists
    mounts in the order in which they were made.
    """
    table, point = mounts.table(), Path(path)
    found = mounts.at(table, point)
    if found is None:
        with suppress(OSError):
            found = mounts.at(table, Path(os.path.normpath(point.parent / point.readlink())))
    if found is None:
        return ""
    first = next(mount.point for mount in table if mount.device == found.device)
    return f"{found.device} {first}"
