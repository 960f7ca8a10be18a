"""Is /dev/fuse there, is it the right device, and may it be opened?"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from checks import place, remedies
from checks.check import Check, Context, Finding
from checks.state_folder import mounted_at

DEVICE = Path("/dev/fuse")
_WHY = "Both backends mount through it."
_IN_A_CONTAINER = "in a container, start it with --device /dev/fuse"


def fuse_device(_context: Context) -> Finding | None:
    """Open the device as the kernel's FUSE clients do."""
    make = remedies.as_root("mknod -m 0666 /dev/fuse c 10 229")
    try:
        seen = DEVICE.stat()
    except FileNotFoundError:
        commands = _more_device() or (_modprobe(make),)
        return Finding("/dev/fuse does not exist", _WHY, f"load the module; {_IN_A_CONTAINER}", commands)
    if not stat.S_ISCHR(seen.st_mode) or (os.major(seen.st_rdev), os.minor(seen.st_rdev)) != (10, 229):
        commands = (remedies.as_root("rm -f /dev/fuse"), make)
        return Finding("/dev/fuse is not the character device 10:229", _WHY, "make it again", commands)
    try:
        os.close(os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return _refused(error, stat.S_IMODE(seen.st_mode))
    return None


def _more_device() -> tuple[str, ...]:
    """Return the command that starts a container with the device; none outside of one."""
    return place.started_with("--device /dev/fuse", "host.fuse-device") if place.container() else ()


def _modprobe(make: str) -> str:
    # a kernel with FUSE built in has no module to load, and then only the node is missing
    return f"{remedies.as_root('modprobe fuse')} || {make}"


def _refused(error: OSError, mode: int) -> Finding:
    text = f"/dev/fuse cannot be opened: {error.strerror}"
    if error.errno == errno.EACCES:
        if os.statvfs(DEVICE).f_flag & os.ST_NODEV:
            point = mounted_at(DEVICE)
            command = remedies.as_root(f"mount -o remount,bind,dev {point}")
            return Finding("/dev/fuse lies on a file system mounted nodev", _WHY, "mount it with dev", (command,))
        seen = f"{text} (its mode is {mode:04o})"
        return Finding(seen, _WHY, "let every user open it", (remedies.as_root("chmod 0666 /dev/fuse"),))
    if error.errno == errno.EPERM:
        remedy = f"the device control group forbids it: {_IN_A_CONTAINER}, or allow `c 10:229 rwm`"
        return Finding(text, _WHY, remedy, _more_device() or _allow())
    return Finding(text, _WHY, "load the module", (remedies.as_root("modprobe fuse"),))


def _allow() -> tuple[str, ...]:
    """Return the command that allows the device in this control group; none where it is a program of version 2."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        file = Path(f"/sys/fs/cgroup/devices{path.rstrip('/')}/devices.allow")
        if "devices" in names.split(",") and file.exists():
            return (remedies.as_root(f"sh -c 'echo c 10:229 rwm > {file}'"),)
    return ()


CHECKS = (
    Check(
        "host.fuse-device",
        "Can /dev/fuse be opened for reading and writing?",
        "host",
        fuse_device,
        fine="/dev/fuse is writable",
    ),
)
