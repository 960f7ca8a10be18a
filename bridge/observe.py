"""What a path looks like through a mount: attributes, content, listing, link target and extended attributes.

The same observation is made on both sides of a comparison. It opens before it asks for attributes, because opening
stores what others have written and not closed yet: from then on both sides can know it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from bridge.beneath import open_beneath, opened

ASPECTS = ("attributes", "content", "listing", "target", "xattrs")
COMPARED = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks", "st_mtime_ns", "st_ctime_ns")
# What both sides may answer differently, and why that is no divergence.
IGNORED = {
    "st_ino": "each backend numbers inodes by itself, and again after it forgot them",
    "st_dev": "two mounts are two devices",
    "st_atime_ns": "reading is part of observing",
    "st_blksize": "advice by the library, not a property of the file",
}
WHOLE = 8 * 1024 * 1024  # bytes up to which all content is hashed; of larger files the first and the last megabyte
PIECE = 1024 * 1024

Observation = dict[str, Any]


def observe(root: int, path: str, aspects: Iterable[str] = ASPECTS) -> Observation:
    """Observe a path below a mount's root, given by its descriptor; an errno's name stands for what cannot be seen."""
    wanted = set(aspects)
    try:
        with opened(open_beneath(root, path.strip("/"), os.O_PATH | os.O_NOFOLLOW)) as place:
            return _observe(place, wanted)
    except OSError as error:
        return {"error": errno.errorcode.get(error.errno or 0, str(error.errno))}


def _observe(place: int, wanted: set[str]) -> Observation:
    kind = stat.S_IFMT(os.fstat(place).st_mode)
    again = f"/proc/self/fd/{place}"
    seen: Observation = {}
    if kind == stat.S_IFREG and "content" in wanted:
        with opened(os.open(again, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)) as file:
            status = os.fstat(file)
            seen["content"] = _hash(file, status.st_size)
    else:
        status = os.fstat(place)
    if kind == stat.S_IFDIR and "listing" in wanted:
        with opened(os.open(again, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
            seen["listing"] = sorted(os.listdir(folder))  # noqa: PTH208 - a descriptor
    if kind == stat.S_IFLNK and "target" in wanted:
        seen["target"] = os.readlink("", dir_fd=place)
    if "xattrs" in wanted and kind != stat.S_IFLNK:
        seen["xattrs"] = {name: os.getxattr(again, name).hex() for name in sorted(os.listxattr(again))}
    if "attributes" in wanted:
        seen["attributes"] = {name: getattr(status, name) for name in COMPARED}
    return seen


def _hash(file: int, size: int) -> str:
    digest = blake2b(digest_size=16)
    if size <= WHOLE:
        while piece := os.read(file, PIECE):
            digest.update(piece)
    else:
        for offset in (0, size - PIECE):
            digest.update(os.pread(file, PIECE, offset))
    return digest.hexdigest()
