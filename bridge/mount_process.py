"""The process that serves one mount: `python -m bridge.mount_process`, started by the Bridge and by nobody else.

It ends in three ways: its mount was detached and the last open handle closed (drained); the Bridge died, which it sees
at the end of its standard input, and then it detaches its own mounts and drains; or it was told by a signal, which
unmounts at once. It imports as little as it can, because its memory and CPU are what a migration is judged by.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import dualfuse
from bridge.agents import AgentsError
from bridge.cache import Cache
from bridge.detaching import take_off
from bridge.filesystem import Filesystem
from bridge.roster import Callers, Roster
from bridge.sections.section import Caller, CallerSource
from bridge.self_report import SelfReport
from bridge.sidechannel import Answer, Question, answer_at
from bridge.store.event_store import EventStore
from bridge.store.schema import StoreError
from bridge.workers import Workers
from dualfuse.context import fuse_get_context
from dualfuse.errors import MountError
from dualfuse.instrument import Instrument
from dualfuse.mounts import mount_at, mounts
from dualfuse.tap import Tap

log = logging.getLogger("bridge.mount")

LOOK = 0.5  # seconds between two looks while draining
FSNAME = "lighthouse-bridge"  # what the kernel's table of mounts says, so that leftovers are told from foreign mounts


def calling(agents: Callers) -> CallerSource:
    """Return what tells the process that makes the call at hand, as the kernel says."""
    return lambda: Caller(*fuse_get_context(), agents)


def options(max_readahead: int, max_write: int, debug: bool) -> dict[str, Any]:
    """Return the mount options, in fusepy's names; dualfuse translates them for the other backends.

    The kernel may keep neither names nor attributes: another Bridge changes the same store, and what it acknowledged
    must be seen by the next open here. Even a tenth of a second is too long, although each use of a path brings fresh
    attributes along: of two answers on their way at once the kernel believes the one that arrives first, and drops the
    other, which may be the newer one.

    The kernel checks permissions, although with nothing kept that is about half of all requests: an operation is told a
    path only, and who has a folder or file open may work below it whatever became of the folders above.
    """
    return {
        "fsname": FSNAME,
        "default_permissions": True,
        "entry_timeout": 0,
        "attr_timeout": 0,
        "negative_timeout": 0,
        # what libfuse2 gets by asking for it; libfuse3 negotiates it with the kernel, and never less
        "big_writes": True,
        "max_readahead": max_readahead,
        "max_write": max_write,
        # Others than the user who mounted are let in where the system allows it: root always may.
        **({"allow_other": True} if os.geteuid() == 0 or _others_allowed() else {}),
        **({"debug": True} if debug else {}),
    }


def _others_allowed() -> bool:
    try:
        lines = Path("/etc/fuse.conf").read_text().splitlines()
    except OSError:
        return False
    return "user_allow_other" in map(str.strip, lines)


def main(arguments: list[str] | None = None) -> int:
    """Serve one mount until it is detached and drained; the exit status is 0 for that and 1 if it could not mount."""
    parser = argparse.ArgumentParser(prog="python -m bridge.mount_process")
    parser.add_argument("--backend", required=True)
    parser.add_argument("--mountpoint", type=Path, required=True)
    parser.add_argument("--stable", type=Path, required=True, help="where the Bridge shows the mount to its users")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--socket", type=Path, required=True, help="where questions are answered")
    parser.add_argument("--drain-timeout", type=float, default=30.0)
    parser.add_argument("--max-readahead", type=int, default=131072)
    parser.add_argument("--max-write", type=int, default=131072)
    parser.add_argument("--agents", type=Path, required=True, help="the file of the agents; it need not exist")
    parser.add_argument("--cache-ttl", type=float, default=60.0)
    parser.add_argument("--cache-size", type=int, default=10_000)
    parser.add_argument("--debug", action="store_true")
    told = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s mount {told.backend} %(levelname)s %(message)s")

    cache = Cache(told.cache_ttl, told.cache_size)
    try:
        store = EventStore(told.store, uid=os.getuid(), gid=os.getgid(), cache=cache)
    except StoreError as error:
        return _failed(str(error), "", "give LIGHTHOUSE_STORE the path of an event store or of no file")
    try:
        callers = Callers(Roster(told.agents), Workers(told.socket.parent))
    except AgentsError as error:
        return _failed(str(error), "", "repair the file of the agents; `python -m bridge.agents --help` says its form")
    report = SelfReport(told.backend, store, cache)
    filesystem = Filesystem(store, calling(callers), facts=report.files)
    tap = Tap(lambda: fuse_get_context()[2])
    instrument = report.instrument = Instrument(filesystem, told.backend, tap)

    def answer(question: Question) -> Answer:
        if question.get("ask") == "tap":
            samples = tap.take(question["callers"], int(question["limit"]))
            return {"samples": samples, "seen": tap.seen, "cpu": time.process_time()}
        return report.snapshot()

    answer_at(told.socket, answer)
    _when_the_bridge_dies(told.mountpoint, told.stable, told.drain_timeout, filesystem)
    try:
        dualfuse.mount(
            instrument,
            str(told.mountpoint),
            backend=told.backend,
            **options(told.max_readahead, told.max_write, told.debug),
        )
    except MountError as error:
        return _failed(error.message, error.stderr, error.remedy)
    finally:
        final_snapshot(told.socket).write_text(json.dumps(report.snapshot()))
        told.socket.unlink(missing_ok=True)
    return 0


def final_snapshot(socket: Path) -> Path:
    """Return where a process leaves its last counts when it ends in good order."""
    return socket.with_suffix(".final.json")


def _failed(message: str, stderr: str, remedy: str) -> int:
    sys.stdout.write(json.dumps({"error": message, "stderr": stderr, "remedy": remedy}) + "\n")
    sys.stdout.flush()
    return 1


def _when_the_bridge_dies(mountpoint: Path, stable: Path, patience: float, filesystem: Filesystem) -> None:
    def watch() -> None:
        while os.read(0, 1):  # not sys.stdin: its lock, held here for ever, would make the exit of the process fail
            pass
        log.warning("the Bridge is gone: %s drains", mountpoint)
        _drain(mountpoint, stable, patience)
        log.warning("still open after %g s: giving up", patience)
        filesystem.destroy("/")
        os._exit(1)

    threading.Thread(target=watch, name="watches the Bridge", daemon=True).start()


def _drain(mountpoint: Path, stable: Path, patience: float) -> None:
    """Detach our mount and wait; the whole process ends from under this when the last open handle is closed.

    While somebody shows the mount on a path of their own, it is in use and served without a limit.
    """
    device: int | None = None
    waited = 0.0
    while waited < patience:
        own = mount_at(str(mountpoint))  # looked for each time: it may just be about to be mounted
        if own is not None:
            device = own.device
            take_off(stable, device)
            take_off(mountpoint, device)
        time.sleep(LOOK)
        shown = any(mount.device == device for mount in mounts())
        waited = 0.0 if shown else waited + LOOK


if __name__ == "__main__":
    sys.exit(main())
