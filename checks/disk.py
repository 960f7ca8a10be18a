"""Is there room for images, backups and the event store?"""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from checks import remedies, words
from checks.check import Check, Context, Finding
from checks.state_folder import mounted_at
from deployment.targets import mounts as table

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
            more = (seen.f_blocks - seen.f_bavail) * seen.f_frsize + room
            look = f"du -xh --max-depth 2 {quote(mounted_at(there))} | sort -rh | head"
            command = _grown(there, f"size={more}") or look
            return Finding(text, why, "free some space, or choose another state folder", (command,))
        if seen.f_files and seen.f_favail < INODES and folder == context.place.state:
            text = f"{seen.f_favail} inodes free for {folder}, {INODES} needed"
            look = f"du -x --inodes --max-depth 2 {quote(mounted_at(there))} | sort -rn | head"
            command = _grown(there, f"nr_inodes={seen.f_files - seen.f_favail + INODES}") or look
            return Finding(text, "An image is thousands of files.", "remove small files", (command,))
    return None


def _grown(path: Path, option: str) -> str:
    """Return the command that gives a file system in memory more room; empty where a disk would be needed."""
    point = mounted_at(path)
    mount = table.at(table.table(), Path(point))
    if mount is None or mount.kind != "tmpfs":
        return ""
    return remedies.as_root(f"mount -o remount,{option} {quote(point)}")


def _nearest(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


CHECKS = (Check("host.disk", "Is there enough room on the disk?", "host", disk, fine="there is room"),)
