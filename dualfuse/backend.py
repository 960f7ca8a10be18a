"""What a backend is, the registry of all of them, and ``mount``."""

from __future__ import annotations

import importlib
import logging
import os
import stat
from typing import Any, Protocol, runtime_checkable

from dualfuse.errors import MountError
from dualfuse.mounts import mount_at

log = logging.getLogger("dualfuse")


@runtime_checkable
class FUSEBackend(Protocol):
    """Serves one path-based Operations object with one FUSE library."""

    name: str

    def mount(self, operations: object, mountpoint: str, **options: Any) -> None:
        """Mount and serve until unmounted or signalled. Raises MountError when the mount cannot be made."""

    def unmount(self, mountpoint: str) -> None:
        """Take a mount off its path at once; open files are served until they are closed."""

    def get_operations(self) -> object | None:
        """Give the Operations object that is being served, None while nothing is."""

    def unavailable(self) -> str | None:
        """Say why the library cannot be used here, None if it can; imports it."""

    def versions(self) -> dict[str, str]:
        """Give the versions of the Python package and of the C library."""


# name: module and class; imported only when used, so that one backend never costs the memory of another
BACKENDS: dict[str, str] = {
    "fusepy": "dualfuse.fusepy_backend:FusepyBackend",
    "pyfuse3": "dualfuse.pyfuse3_backend:Pyfuse3Backend",
    "mfusepy": "dualfuse.mfusepy_backend:MfusepyBackend",
}


def get_backend(name: str) -> FUSEBackend:
    """Make the backend of this name. Raises MountError for a name that is not in the registry."""
    target = BACKENDS.get(name)
    if target is None:
        raise MountError(f"unknown backend {name!r}", remedy=f"use one of {', '.join(BACKENDS)}")
    module, _, attribute = target.partition(":")
    backend: FUSEBackend = getattr(importlib.import_module(module), attribute)()
    return backend


def mount(operations: object, mountpoint: str, backend: str = "pyfuse3", **options: Any) -> None:
    """Serve a file system in the foreground until it is unmounted or TERM, INT or HUP asks for a clean unmount.

    ``operations`` is a path-based, fusepy-style object (see ``dualfuse.operations``), unchanged on every backend; its
    methods may be ``async def``. Options are fusepy's and libfuse's names, see ``dualfuse.options``; without any, the
    kernel caches names and attributes for one second on every backend.

    Raises MountError, with the C library's own words and a remedy, when the mount cannot be made, and LoopError, which
    is one of those, when what serves it on pyfuse3 fails later: the mount has been taken away then.
    """
    get_backend(backend).mount(operations, mountpoint, **options)


def prepare_mountpoint(mountpoint: str, nonempty: bool) -> str:
    """Check a mountpoint before a library sees it: libfuse2 and libfuse3 disagree about what they accept.

    Raises MountError unless it is an existing, empty directory (or ``nonempty`` is given).
    """
    path = os.path.abspath(mountpoint)  # noqa: PTH100 - Path would keep ".."
    try:
        status = os.stat(path)  # noqa: PTH116 - pathlib costs a mount 3 ms
        names = os.listdir(path) if stat.S_ISDIR(status.st_mode) and not nonempty else []  # noqa: PTH208
    except OSError as error:
        remedy = "clear the dead mount first: umount -l" if mount_at(path) else "create the directory first"
        raise MountError(f"cannot use mountpoint {path}: {error.strerror}", remedy=remedy) from error
    if not stat.S_ISDIR(status.st_mode):
        raise MountError(f"mountpoint {path} is not a directory", remedy="mount on an empty directory")
    if names:
        raise MountError(
            f"mountpoint {path} is not empty (it holds {names[0]!r})",
            remedy="mount on an empty directory, or pass the option nonempty",
        )
    return path


def unmount(mountpoint: str, helper: str) -> None:
    """Detach the visible mount from a path, by system call or by the setuid helper.

    Raises MountError when neither works.
    """
    from dualfuse.unmounting import detach

    detach(mountpoint, helper)


def log_notes(notes: list[str]) -> None:
    """Say which options have no effect."""
    for note in notes:
        log.info(note)
