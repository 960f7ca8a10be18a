"""Folders of the host that containers share with it, mounts included.

A Bridge mounts inside its container, and the clients meet that mount on the host. The kernel passes it on only between
folders that are *shared*: on a host under systemd all are, elsewhere a folder is bound to itself and made so.
"""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path

from deployment.errors import ChangeFailedError
from deployment.targets import mounts
from deployment.targets.local_layout import Layout
from deployment.targets.target import Say
from deployment.whole_file import write_whole

MS_BIND, MS_REC, MS_SHARED = 0x1000, 0x4000, 0x100000


def share(layout: Layout, say: Say) -> None:
    """Have the state folder and the live path's folder shared, and write down what was bound for it.

    Raises:
        ChangeFailedError: It takes root, or the kernel refuses.
    """
    layout.live.parent.mkdir(parents=True, exist_ok=True)
    layout.instances.mkdir(parents=True, exist_ok=True)
    for folder in (layout.live.parent, layout.state):
        if is_shared(folder):
            continue
        if folder.is_mount():
            raise _cannot(folder, "it is a mount of its own that is not shared", f"mount --make-shared {folder}")
        if os.geteuid() != 0:
            raise _cannot(folder, "it takes root", f"mount --bind {folder} {folder} && mount --make-shared {folder}")
        say(f"making {folder} a shared mount, so that what a container mounts there is seen here")
        # first the note, then the mount: what is interrupted in between is found again
        write_whole(_note(layout), json.dumps(sorted({*bound(layout), str(folder)})) + "\n")
        _mount(folder, MS_BIND | MS_REC)
        _mount(folder, MS_SHARED)


def release(layout: Layout) -> list[str]:
    """Take the bindings away that `share` made and return those that could not be."""
    left = []
    for folder in sorted(bound(layout), key=len, reverse=True):
        table = mounts.table()
        if mounts.at(table, Path(folder)) is None:
            continue
        why = mounts.detach(folder)
        if why is not None:
            left.append(f"mount {folder}: {why}")
    return left


def bound(layout: Layout) -> tuple[str, ...]:
    """Return the folders that were bound to themselves."""
    note = _note(layout)
    return tuple(json.loads(note.read_text("utf-8"))) if note.exists() else ()


def is_shared(folder: Path) -> bool:
    """Return whether what is mounted below a folder is passed on to others who share it."""
    table = mounts.table()
    for place in (folder, *folder.parents):
        if (mount := mounts.at(table, place)) is not None:
            return mount.shared
    return False


def _note(layout: Layout) -> Path:
    return layout.instances / "bound.json"


def _cannot(folder: Path, why: str, command: str) -> ChangeFailedError:
    return ChangeFailedError(f"{folder} cannot be shared with a container: {why}", f"as root: {command}")


def _mount(folder: Path, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    where = os.fsencode(folder)
    if libc.mount(where, where, None, flags, None) != 0:
        raise _cannot(folder, os.strerror(ctypes.get_errno()), f"mount --bind {folder} {folder}")
