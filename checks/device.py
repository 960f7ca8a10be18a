"""Is /dev/fuse there, is it the right device, and may it be opened?"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from checks import remedies
from checks.check import Check, Context, Finding

DEVICE = Path("/dev/fuse")
_WHY = "Both backends mount through it."
_IN_A_CONTAINER = "in a container, start it with --device /dev/fuse"


def fuse_device(_context: Context) -> Finding | None:
    """Open the device as the kernel's FUSE clients do."""
    make = remedies.as_root("mknod -m 0666 /dev/fuse c 10 229")
    try:
        seen = DEVICE.stat()
    except FileNotFoundError:
        return Finding("/dev/fuse does not exist", _WHY, f"load the module; {_IN_A_CONTAINER}", (_modprobe(make),))
    if not stat.S_ISCHR(seen.st_mode) or (os.major(seen.st_rdev), os.minor(seen.st_rdev)) != (10, 229):
        commands = (remedies.as_root("rm -f /dev/fuse"), make)
        return Finding("/dev/fuse is not the character device 10:229", _WHY, "make it again", commands)
    try:
        os.close(os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return _refused(error, stat.S_IMODE(seen.st_mode))
    return None


def _modprobe(make: str) -> str:
    # a kernel with FUSE built in has no module to load, and then only the node is missing
    return f"{remedies.as_root('modprobe fuse')} || {make}"


def _refused(error: OSError, mode: int) -> Finding:
    text = f"/dev/fuse cannot be opened: {error.strerror}"
    if error.errno == errno.EACCES:
        seen = f"{text} (its mode is {mode:04o})"
        return Finding(seen, _WHY, "let every user open it", (remedies.as_root("chmod 0666 /dev/fuse"),))
    if error.errno == errno.EPERM:
        remedy = f"the device cgroup forbids it: {_IN_A_CONTAINER}, or allow `c 10:229 rwm`"
        return Finding(text, _WHY, remedy)
    return Finding(text, _WHY, "load the module", (remedies.as_root("modprobe fuse"),))


CHECKS = (
    Check(
        "host.fuse-device",
        "Can /dev/fuse be opened for reading and writing?",
        "host",
        fuse_device,
        fine="/dev/fuse is writable",
    ),
)
