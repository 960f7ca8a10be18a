"""Whose the state folder is: the user the Bridges run as, also where the tool itself is root.

A container gets no power over other users' files, so everything a Bridge, a command or the router writes to belongs to
the owner of the state folder, and that is who they become.
"""

from __future__ import annotations

import os
from pathlib import Path

from deployment.errors import ChangeFailedError
from deployment.targets.docker_adoption import Adopted
from deployment.targets.local_layout import Layout, read_records


def give(layout: Layout, adopted: Adopted | None) -> None:
    """Have all folders of the state belong to one user, an adopted Bridge's where there is one.

    Raises:
        ChangeFailedError: They belong to somebody else and only root can change that.
    """
    owner = layout.state.stat()
    uid, gid = (adopted.uid, adopted.gid) if adopted is not None else (owner.st_uid, owner.st_gid)
    for folder in _folders(layout):
        if not folder.exists():
            continue
        seen = folder.stat()
        if (seen.st_uid, seen.st_gid) == (uid, gid):
            continue
        if os.geteuid() != 0:
            raise ChangeFailedError(f"{folder} must belong to uid {uid}", f"as root: chown {uid}:{gid} {folder}")
        os.chown(folder, uid, gid)


def _folders(layout: Layout) -> list[Path]:
    """Return the folders that are written to in containers; never what an instance may have mounted."""
    found = [layout.state, layout.instances, layout.haproxy, layout.state / "backups"]
    for record in read_records(layout):
        folder = layout.folder(record.name)
        # its own mount point may be mounted by now, and is given before it ever is
        parts = ("config", "state") if (folder / "state" / "lock").exists() else ("config", "state", "mnt")
        found += [folder, *(folder / part for part in parts)]
    return found
