"""What can go wrong while mounting, with the C library's own words and a remedy."""

from __future__ import annotations

import re

LAST_RESORT = (
    "try `python -m dualfuse.probe --backend NAME`: it tells the machine's faults from those of this mount point, its "
    "options and its file system"
)


class MountError(Exception):
    """A mount could not be made, or its file system refused to start.

    ``stderr`` holds what libfuse or its helper wrote, ``remedy`` what the operator can do about it.
    """

    def __init__(self, message: str, stderr: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.stderr = stderr.strip()
        self.remedy = remedy or remedy_for(self.stderr) or remedy_for(message) or LAST_RESORT

    def __str__(self) -> str:
        return f"{self.message}: {self.stderr}" if self.stderr else self.message


class LoopError(MountError):
    """A mount was made, and the loop that served it failed: the mount is gone."""


# In the order in which they are tried: what libfuse 2.9, libfuse 3 and their helpers print.
_REMEDIES: tuple[tuple[str, str], ...] = (
    (
        r"device not found|/dev/fuse.*No such file",
        "load the kernel module (modprobe fuse) or pass /dev/fuse into the container (--device /dev/fuse)",
    ),
    (r"/dev/fuse.*Permission denied|failed to open /dev/fuse", "let this user open /dev/fuse (chmod 0666 /dev/fuse)"),
    (
        r"Operation not permitted|not permitted",
        "give the process CAP_SYS_ADMIN or an unconfined seccomp and AppArmor profile "
        "(--cap-add SYS_ADMIN --security-opt apparmor:unconfined)",
    ),
    (r"mountpoint is not empty|not empty", "mount on an empty directory, or pass the option nonempty"),
    (r"user_allow_other", "add the line user_allow_other to /etc/fuse.conf, or mount without allow_other"),
    (r"fusermount3.*(not found|No such file)|exec fusermount3", "install the package fuse3 (it brings fusermount3)"),
    (r"fusermount.*(not found|No such file)|exec fusermount", "install the package fuse (it brings fusermount)"),
    (r"Transport endpoint is not connected", "clear the dead mount first: fusermount -u -z PATH, or umount -l PATH"),
    (
        r"mfusepy.*Unable to find libfuse|libfuse3\.so.*cannot open shared object",
        "install libfuse3 (Debian: apt install libfuse3-3)",
    ),
    (
        r"Unable to find libfuse|libfuse\.so.*cannot open shared object",
        "install libfuse2 (Debian: apt install libfuse2)",
    ),
    (r"No module named '?pyfuse3", "install pyfuse3 and libfuse3 (pip install pyfuse3)"),
    (r"No module named '?mfusepy", "install mfusepy (pip install mfusepy)"),
    (r"No module named '?fuse", "install fusepy (pip install fusepy)"),
    (r"unknown option|invalid option|unknown parameter", "remove the option, see dualfuse.options for the table"),
    (
        r"invalid parameter in option|mount failed: Invalid argument",
        "look through the values of the mount options: one of them is not what libfuse or the kernel takes",
    ),
    (r"init failed", "see the log for what the file system's own init raised"),
    (r"bad mount point|failed to access mountpoint|No such file", "create the directory first"),
    (r"too many FUSE filesystems", "raise mount_max in /etc/fuse.conf"),
)


def remedy_for(text: str) -> str:
    """What to do about a message of libfuse, empty if nothing is known."""
    return next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, text, re.IGNORECASE)), "")
