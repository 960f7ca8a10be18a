"""Can the state folder hold a deployment: may this user write there, and may what lies there be executed?"""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from checks import remedies
from checks.check import Check, Context, Finding
from checks.disposable import look_at
from deployment.targets import mounts as table


def state_folder(context: Context) -> Finding | None:
    """Look at the folder, or at the one it would be made in, and at the file system it lies on."""
    state = context.place.state.absolute()
    there = next(p for p in (state, *state.parents) if look_at(str(p)).exists)
    flags = os.statvfs(there).f_flag
    point = quote(mounted_at(there))
    if flags & os.ST_RDONLY:
        seen = f"{state} lies on a file system that is mounted read-only"
        command = remedies.as_root(f"mount -o remount,rw {point}")
        return Finding(seen, "Nothing can be made or written down there.", "mount it read-write", (command,))
    if not os.access(there, os.W_OK | os.X_OK):
        seen = f"{there} is not writable for this user"
        command = remedies.as_root(f"install -d -o {os.geteuid()} {quote(str(state))}")
        if there == state:
            command = remedies.as_root(f"chown {os.geteuid()} {quote(str(state))}")
        return Finding(seen, "Everything the tool makes lies in the state folder.", "own it", (command,))
    if context.target.kind == "local" and flags & os.ST_NOEXEC:
        seen = f"{state} lies on a file system that is mounted noexec"
        command = remedies.as_root(f"mount -o remount,exec {point}")
        why = "The local target's images are virtual environments: nothing in them could be started."
        return Finding(seen, why, "mount it with exec, or choose another state folder", (command,))
    return None


def mounted_at(path: Path) -> str:
    """Return the point at which the file system of a path is mounted."""
    points = {mount.point for mount in table.table()}
    real = Path(os.path.realpath(path))
    return next((str(p) for p in (real, *real.parents) if str(p) in points), "/")


CHECKS = (
    Check(
        "host.state-folder",
        "Can the state folder be written and executed from?",
        "host",
        state_folder,
        30.0,
        fine="the state folder is usable",
    ),
)
