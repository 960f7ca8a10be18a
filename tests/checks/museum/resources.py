"""Exhibits: not enough of something: room, inodes, files, processes, memory; a port that is taken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.checks.museum.exhibit import NOBODY, Exhibit, grouped_by, name_of

STATE_IS_THERE = "mv {0}/state/wheels {0}/wheels; mount -t tmpfs -o {1} small {0}/state; mv {0}/wheels {0}/state/\n"


def state_on(options: str, then: str = "") -> str:
    """Return a template of shell commands that put the state folder on a small file system in memory."""
    return STATE_IS_THERE.format("{0}", options) + then


def grouped(controller: str, limit: str, value: str, world: Path) -> str:
    """Return shell commands that put the world into a control group with a limit."""
    group = f"/sys/fs/cgroup/{controller}/{name_of(world)}"
    return f"mkdir {group}; echo {value} > {group}/{limit}; echo $$ > {group}/cgroup.procs\n"


def taken(world: Path, number: int) -> str:
    """Return shell commands that have another process listen on one of the deployment's ports."""
    port = json.loads((world.parent / "desk" / "order.json").read_text())["ports"][number]
    listen = f"import socket, time; s = socket.create_server(('127.0.0.1', {port}))"
    listen += f"; open('{world}/ready', 'w'); time.sleep(99)"
    return f'{sys.executable} -c "{listen}" & for _ in $(seq 100); do [ -e {world}/ready ] && break; sleep 0.05; done\n'


EXHIBITS: tuple[Exhibit, ...] = (
    Exhibit(
        "a disk that is full",
        "host.disk",
        "free for ",
        lambda w: state_on("size=700m", "fallocate -l 400m {0}/state/old\n").format(w),
    ),
    Exhibit(
        "a disk without inodes",
        "host.disk",
        "inodes free for ",
        lambda w: state_on("size=2g,nr_inodes=500").format(w),
    ),
    Exhibit(
        "a full file system below the event store",
        "host.disk",
        "0 B free for ",
        lambda w: (
            f"mount -t tmpfs -o size=8m store {w}; mkdir {w}/state; mount -t tmpfs -o size=2g state {w}/state\n"
            f"ln -s $LIGHTHOUSE_MIGRATE_WHEELS {w}/state/wheels\n"
            f"fallocate -l 3m {w}/events.sqlite; fallocate -l 5m {w}/other\n"
        ),
    ),
    Exhibit(
        "a state folder mounted read-only",
        "host.state-folder",
        "lies on a file system that is mounted read-only",
        lambda w: state_on("size=2g", "mount -o remount,ro {0}/state\n").format(w),
    ),
    Exhibit(
        "a state folder mounted noexec",
        "host.state-folder",
        "lies on a file system that is mounted noexec",
        lambda w: state_on("size=2g", "mount -o remount,noexec {0}/state\n").format(w),
    ),
    Exhibit(
        "a state folder of somebody else",
        "host.state-folder",
        "/state is not writable for this user",
        lambda w: f"chmod 755 {w}/state; chown 1 {w}/state\n",
        user=NOBODY,
    ),
    Exhibit("too few open files", "bridge.limits", "64 open files, 1024 needed", lambda _w: "ulimit -S -n 64\n"),
    Exhibit(
        "files may not grow", "bridge.limits", "bytes in a file, 1073741824 needed", lambda _w: "ulimit -S -f 200000\n"
    ),
    Exhibit(
        "too little address space",
        "bridge.limits",
        "bytes of address space, 2147483648 needed",
        lambda _w: "ulimit -S -v 2000000\n",
    ),
    Exhibit(
        "too few processes for this user",
        "bridge.limits",
        "60 processes, of which ",
        lambda _w: "ulimit -S -p 60\n",
        user=NOBODY,
    ),
    Exhibit("the router's port is taken", "host.ports", "(router) is held by pid ", lambda w: taken(w, 8)),
    Exhibit("a metrics port is taken", "host.ports", "(stable metrics) is held by pid ", lambda w: taken(w, 4)),
)

if grouped_by("pids") and grouped_by("memory"):
    EXHIBITS += (
        Exhibit(
            "too few processes in the control group",
            "bridge.tasks",
            "the control group allows 66 processes",
            lambda w: grouped("pids", "pids.max", "66", w),
        ),
        Exhibit(
            "too little memory in the control group",
            "bridge.memory",
            "the control group allows 210 MB of memory",
            lambda w: grouped("memory", "memory.limit_in_bytes", "200M", w),
        ),
    )
