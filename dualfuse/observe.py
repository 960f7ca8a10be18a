"""What a path looks like through a mount: attributes, content, listing, link target and extended attributes.

The same observation is made on both sides of a comparison. Where content is asked for, the file is opened before it is
asked for its attributes, because opening stores what others have written and not closed yet: from then on both sides
can know it. With caching off every name on the way is a request to the file system, so folders are opened once a batch.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any

from dualfuse.beneath import FOLDER, folder_at, open_beneath, opened

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

# In an observation of something that is not there: when the nearest folder that is there was last changed. It says
# nothing about the thing itself, but without it a name that comes and goes could not be told from one that never was.
AS_OF = "as_of"

Asked = Sequence[tuple[str, Sequence[str]]]  # paths below the mount's root, each with the aspects to look at
Observation = dict[str, Any]


def observe_all(mount: Path, asked: Asked) -> list[Observation]:
    """Observe paths below a mount; an errno's name stands for what cannot be seen.

    Raises:
        OSError: The mount itself cannot be opened.
    """
    seen = []
    with ExitStack() as stack:
        root = stack.enter_context(folder_at(mount))
        if os.fstat(root).st_dev == mount.parent.stat().st_dev:
            raise OSError(errno.ENOTCONN, "nothing is mounted", str(mount))  # the bare folder would look all different
        folders: dict[str, int] = {"": root}
        for path, aspects in asked:
            folder, _, name = path.strip("/").rpartition("/")
            try:
                if name == "..":
                    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
                if folder not in folders:
                    folders[folder] = stack.enter_context(opened(open_beneath(root, folder, FOLDER)))
                seen.append(_observe(folders[folder], name or ".", frozenset(aspects)))
            except OSError as error:
                name_of_error = errno.errorcode.get(error.errno or 0, str(error.errno))
                seen.append({"error": name_of_error, AS_OF: _last_change(root, folder)})
    return seen


def _last_change(root: int, folder: str) -> list[object]:
    while True:
        try:
            with opened(open_beneath(root, folder, FOLDER)) as there:
                return [folder, os.fstat(there).st_ctime_ns]
        except OSError:
            if not folder:
                raise
            folder = folder.rpartition("/")[0]


def _observe(folder: int, name: str, wanted: frozenset[str]) -> Observation:
    if wanted <= {"attributes"}:
        return _attributes(os.stat(name, dir_fd=folder, follow_symlinks=False))
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return {
            "target": os.readlink(name, dir_fd=folder),
            **_attributes(os.stat(name, dir_fd=folder, follow_symlinks=False)),
        }
    with opened(file):
        status = os.fstat(file)
        seen = _attributes(status)
        if stat.S_ISREG(status.st_mode) and "content" in wanted:
            seen["content"] = _hash(file, status.st_size)
        if stat.S_ISDIR(status.st_mode) and "listing" in wanted:
            seen["listing"] = sorted(os.listdir(file))  # noqa: PTH208 - a descriptor
        if "xattrs" in wanted:
            seen["xattrs"] = {key: os.getxattr(file, key).hex() for key in sorted(os.listxattr(file))}
    return seen


def _attributes(status: os.stat_result) -> Observation:
    return {"attributes": {field: getattr(status, field) for field in COMPARED}}


def _hash(file: int, size: int) -> str:
    digest = blake2b(digest_size=16)
    if size <= WHOLE:
        # One byte more than there should be: a short answer says that this was the end, without asking again.
        while len(piece := os.read(file, min(size, PIECE) + 1)) > min(size, PIECE):
            digest.update(piece)
        digest.update(piece)
    else:
        for offset in (0, size - PIECE):
            digest.update(os.pread(file, PIECE, offset))
    return digest.hexdigest()


def shares(asked: Asked, parts: int) -> list[list[int]]:
    """Deal the numbers of the paths out to so many threads, those of one folder together."""
    ordered = sorted(range(len(asked)), key=lambda number: asked[number][0].rpartition("/")[0])
    size = max(1, -(-len(ordered) // parts))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def gathered(dealt: Sequence[Sequence[int]], seen: Iterable[Sequence[Observation]]) -> list[Observation]:
    """Put what the threads saw back into the order in which it was asked."""
    by_number = {
        number: observation
        for numbers, observations in zip(dealt, seen, strict=True)
        for number, observation in zip(numbers, observations, strict=True)
    }
    return [by_number[number] for number in range(len(by_number))]
