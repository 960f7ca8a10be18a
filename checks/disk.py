"""Is there room for images, backups and the event store?"""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from checks import words
from checks.check import Check, Context, Finding

ROOM = 512 * 1024 * 1024  # bytes: three images of about 70 MB, logs, and air
INODES = 20_000  # an image is about 4,000 files


def disk(context: Context) -> Finding | None:
    """Ask the file systems of the state folder and of the event store; backups are copies of the store."""
    store = context.place.store.stat().st_size if context.place.store.exists() else 0
    needed = {context.place.state: ROOM + 2 * store, context.place.store.parent: 2 * store}
    for folder, room in needed.items():
        there = _nearest(folder)
        seen = os.statvfs(there)
        free = seen.f_bavail * seen.f_frsize
        if free < room:
            text = f"{words.size(free)} free for {folder}, {words.size(room)} needed"
            why = "Images, backups and the event store must fit, and a full disk stops both Bridges."
            return Finding(
                text, why, "free some space, or choose another state folder", (f"df -h {quote(str(there))}",)
            )
        if seen.f_files and seen.f_favail < INODES and folder == context.place.state:
            text = f"{seen.f_favail} inodes free for {folder}, {INODES} needed"
            return Finding(
                text, "An image is thousands of files.", "remove small files", (f"df -i {quote(str(there))}",)
            )
    return None


def _nearest(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


CHECKS = (Check("host.disk", "Is there enough room on the disk?", "host", disk, fine="there is room"),)
