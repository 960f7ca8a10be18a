"""Taking mounts off their paths where somebody else may be doing the same: a dying Bridge's child and its successor."""

from __future__ import annotations

from pathlib import Path

from dualfuse.errors import MountError
from dualfuse.mounts import mount_at
from dualfuse.unmounting import detach


def take_off(path: Path, device: int | None = None, helper: str = "fusermount3") -> bool:
    """Detach what is mounted on a path, lazily, and return whether it was there.

    Args:
        path: The mountpoint; the mount itself is never touched.
        device: Detach only this device's mount.
        helper: The setuid helper for an ordinary user.

    Raises:
        MountError: It is still there.
    """
    mount = mount_at(str(path))
    if mount is None or (device is not None and mount.device != device):
        return False
    try:
        detach(str(path), helper)
    except MountError:
        now = mount_at(str(path))
        if now is not None and now.id == mount.id:
            raise
    return True
