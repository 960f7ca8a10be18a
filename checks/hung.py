"""Does every request to a mount of this deployment get its answer?

A daemon that is stopped answers nobody. One whose handler never returns answers everybody but those who ask for that
one thing: they sleep in the kernel and cannot be killed, while every heartbeat is well. The kernel counts the requests
that wait; this process touches neither mount.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from checks import proc, remedies, words
from checks.check import Check, Context, Finding, Severity
from checks.disposable import Look, look_at
from deployment.targets import mounts as table

CONNECTIONS = Path("/sys/fs/fuse/connections")
PATIENCE = 0.25  # seconds a mount has to answer a stat; it is asked twice, so that a second is enough for all
LONGER = 1.0  # seconds, where it may only be slow
WATCHED = 0.6  # seconds a request may wait before it is looked at who waits
PAUSE = 0.025
_WAITING = "request_wait_answer"  # the kernel's function a client sleeps in

Sleeper = tuple[int, int, str]  # process, thread, how often it was switched: the same number means the same sleep


def look(path: str, mount: table.Mount | None, *, entries: bool = False) -> Look:
    """Return what a path is, asked by a child; a mount that is late is given longer, unless its daemon is stopped."""
    seen = look_at(path, PATIENCE, entries=entries)
    if seen.hung and (mount is None or not _stopped(mount)):
        return look_at(path, LONGER, entries=entries)
    return seen


def _stopped(mount: table.Mount) -> bool:
    """Tell whether every process that serves a mount is stopped: then it is not slow, it waits to be continued.

    False where nobody says who serves it: newer kernels do, to root and to the daemon's own user.
    """
    states = [_state(pid) for pid in proc.pids() if _serves(pid, mount)]
    return bool(states) and all(state in "Tt" for state in states)


def _serves(pid: int, mount: table.Mount) -> bool:
    entry = proc.PROC / str(pid)
    wanted = f"fuse_connection:\t{mount.device.partition(':')[2]}\n"
    try:
        opened = [fd.name for fd in (entry / "fd").iterdir() if str(fd.readlink()) == "/dev/fuse"]
        return any(wanted in (entry / "fdinfo" / name).read_text() for name in opened)
    except OSError:
        return False  # it ended, or it is another user's


def _state(pid: int) -> str:
    try:
        return (proc.PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def waiting(mount: table.Mount) -> int | None:
    """Return how many requests to a FUSE mount wait for an answer; None where that cannot be read."""
    try:
        return int((CONNECTIONS / mount.device.partition(":")[2] / "waiting").read_text())
    except (OSError, ValueError):
        return None


def requests(context: Context) -> Finding | None:
    """Watch the requests that wait for most of a second, and name the clients that sleep through all of it."""
    mounts = list(ours(context))
    unread = [m for m in mounts if waiting(m) is None]
    if unread:
        seen = f"how many requests wait at {words.listed([m.point for m in unread], 2)} cannot be read"
        mount = "mount -t fusectl fusectl /sys/fs/fuse/connections"
        why = "A handler that never answers is seen nowhere else."
        known = os.geteuid() == 0 and not CONNECTIONS.is_mount()
        commands = (mount,) if known else (remedies.sudo("lighthouse-migrate check host.hung-requests"),)
        return Finding(seen, why, "ask as root, with fusectl mounted", commands, Severity.UNKNOWN)
    before = set(_sleepers())
    suspects = {m for m in mounts if waiting(m)}
    until = time.monotonic() + WATCHED
    while suspects and time.monotonic() < until:
        time.sleep(PAUSE)
        suspects = {m for m in suspects if waiting(m)}
    stuck = sorted(before & set(_sleepers())) if suspects else []
    if not stuck:
        return None
    return _finding(sorted(suspects), stuck)


def _finding(mounts: Sequence[table.Mount], stuck: Sequence[Sleeper]) -> Finding:
    clients = [str(p) for p in map(proc.process, sorted({pid for pid, _, _ in stuck})) if p is not None]
    points = words.listed([m.point for m in mounts], 2)
    seen = f"{points}: a request got no answer within {WATCHED:g} s; who waits: {words.listed(clients, 3)}"
    why = "Its handler hangs: who asks for the same sleeps in the kernel and cannot be killed."
    commands = []
    for mount in mounts:
        commands += [remedies.abort_connection(mount.device.partition(":")[2]), remedies.clear_mount(mount.point)]
    remedy = "abort the connection, which frees them; the Bridge then mounts anew"
    return Finding(seen, why, remedy, tuple(commands))


def ours(context: Context) -> Iterator[table.Mount]:
    """Return the FUSE mounts on the live path and below the state folder, each connection once."""
    everything = table.table()
    state = Path(os.path.realpath(context.place.state))
    shown = table.at(everything, as_mounted(context.place.live))
    found = {m.device: m for m in table.below(everything, state)}
    if shown is not None:
        found[shown.device] = shown
    return (m for m in found.values() if m.kind.partition(".")[0] == "fuse")


def as_mounted(live: Path) -> Path:
    """Return the live path as the kernel names it; its last part may be the target's own symbolic link."""
    live = live.absolute()
    return Path(os.path.realpath(live.parent), live.name)


def _sleepers() -> Iterator[Sleeper]:
    """Return the threads that sleep until a FUSE daemon answers, except those of our own questions."""
    for pid in proc.pids():
        entry = proc.PROC / str(pid) / "task"
        try:
            threads = list(entry.iterdir())
            asleep = [t for t in threads if (t / "wchan").read_text() == _WAITING]
            if asleep and os.getpid() not in proc.parents(pid):
                yield from ((pid, int(t.name), _switches(t)) for t in asleep)
        except OSError:
            continue  # it ended, or it is another user's


def _switches(thread: Path) -> str:
    lines = (thread / "status").read_text().splitlines()
    return next((line for line in lines if line.startswith("voluntary_ctxt_switches")), "")


CHECKS = (
    Check(
        "host.hung-requests",
        "Does every request to the mounts get its answer?",
        "host",
        requests,
        15.0,
        "no request waits",
    ),
)
