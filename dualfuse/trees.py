"""What can be seen of a directory and of everything below it, to be compared with another."""

# ruff: noqa: PTH115 - strings and system calls: run a million times

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from typing import Any

HIDDEN = ".fuse_hidden"  # what libfuse calls a removed file that is still open
UNSUPPORTED = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EROFS, errno.EPERM})


def describe(path: str) -> dict[str, Any]:
    """What a user sees of one path, without what differs between any two file systems (inode, device, own times)."""
    status = os.lstat(path)
    mode = status.st_mode
    seen: dict[str, Any] = {"mode": f"{mode:o}", "owner": (status.st_uid, status.st_gid)}
    if stat.S_ISREG(mode):
        seen |= {"size": status.st_size, "links": status.st_nlink, "hash": _hash(path)}
    elif stat.S_ISLNK(mode):
        seen["target"] = os.readlink(path)
    try:
        names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith("user.")]
        seen["attributes"] = {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in sorted(names)}
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        seen["attributes"] = {}
    return seen


def _hash(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return "unreadable"
    digest = hashlib.sha256()
    try:
        while data := os.read(descriptor, 1 << 20):
            digest.update(data)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def walk(root: str, prefix: str = "") -> Iterator[str]:
    """Name everything below a directory relative to it, without the names that libfuse gave."""
    with os.scandir(f"{root}/{prefix}") as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_directory in found:
        if not name.startswith(HIDDEN):
            yield prefix + name
            if is_directory:
                yield from walk(root, f"{prefix}{name}/")


def tree(root: str) -> dict[str, Any]:
    """Describe everything below a directory."""
    found: dict[str, Any] = {}
    for path in walk(root):
        try:
            found[path] = describe(f"{root}/{path}")
        except OSError as error:
            found[path] = errno.errorcode.get(error.errno or 0, "?")
    return found
