"""What a path looks like through a mount: the answers to questions that can be asked on both sides of a comparison.

Where more than attributes is asked for, the file is opened before it is asked for them, because opening may store what
others have written and not closed yet: from then on both sides can know it. With caching off every name on the way is a
request to the file system, so folders are opened once a batch.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any

from dualfuse.beneath import FOLDER, folder_at, open_beneath, opened

ASPECTS = ("attributes", "opened", "content", "listing", "target", "xattrs")
# Questions that name what they are about: `bytes:OFFSET:SIZE` and `xattr:NAME`.
BYTES, XATTR = "bytes:", "xattr:"
COMPARED = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks", "st_mtime_ns", "st_ctime_ns")
# What both sides may answer differently, and why that is no divergence.
IGNORED = {
    "st_ino": "each backend numbers inodes by itself, and again after it forgot them",
    "st_dev": "two mounts are two devices",
    "st_atime_ns": "reading is part of observing",
    "st_blksize": "advice by the library, not a property of the file",
    "the order of a listing": "POSIX leaves it open; names are compared as a set",
}
WHOLE = 256 * 1024  # bytes up to which all content is hashed; of larger files the first and the last so many
END = 64 * 1024
LONGEST = 1024 * 1024  # bytes that one question may be about

# In an observation of something that is not there: when the nearest folder that is there was last changed. It says
# nothing about the thing itself, but without it a name that comes and goes could not be told from one that never was.
AS_OF = "as_of"

Asked = Sequence[tuple[str, Sequence[str]]]  # paths below the mount's root, each with the questions
Observation = dict[str, Any]  # by question; a string in place of a dictionary or list is an errno's name


def is_question(text: object) -> bool:
    """Whether something can be asked."""
    if not isinstance(text, str) or "\0" in text:
        return False
    if text.startswith(BYTES):
        offset, _, size = text.removeprefix(BYTES).partition(":")
        return offset.isdecimal() and size.isdecimal() and int(offset) < 1 << 63 and int(size) <= LONGEST
    return text in ASPECTS or (text.startswith(XATTR) and text != XATTR)


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
        for path, questions in asked:
            folder, _, name = path.strip("/").rpartition("/")
            try:
                if name == "..":
                    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
                if folder not in folders:
                    folders[folder] = stack.enter_context(opened(open_beneath(root, folder, FOLDER)))
                seen.append(_observe(folders[folder], name or ".", questions))
            except OSError as error:
                seen.append({"error": _name(error), AS_OF: _last_change(root, folder)})
    return seen


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error.errno))


def _last_change(root: int, folder: str) -> list[object]:
    while True:
        try:
            with opened(open_beneath(root, folder, FOLDER)) as there:
                return [folder, os.fstat(there).st_ctime_ns]
        except OSError:
            if not folder:
                raise
            folder = folder.rpartition("/")[0]


def _observe(folder: int, name: str, questions: Collection[str]) -> Observation:
    if set(questions) <= {"attributes"}:
        return _attributes(os.stat(name, dir_fd=folder, follow_symlinks=False))
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        seen = _attributes(os.stat(name, dir_fd=folder, follow_symlinks=False))
        if error.errno == errno.ELOOP:
            return {"target": os.readlink(name, dir_fd=folder), **seen}
        return {"opened": _name(error), **seen}
    with opened(file):
        status = os.fstat(file)
        seen = {"opened": "", **_attributes(status)}
        for question in questions:
            if _fits(question, status.st_mode):
                try:
                    seen[question] = _answer(file, question, status.st_size)
                except OSError as error:
                    seen[question] = _name(error)
    return seen


def _fits(question: str, mode: int) -> bool:
    """Whether a question makes sense for what is open, and is not answered by opening it."""
    if question == "content" or question.startswith(BYTES):
        return stat.S_ISREG(mode)
    if question == "listing":
        return stat.S_ISDIR(mode)
    return question not in ("attributes", "opened", "target")


def _answer(file: int, question: str, size: int) -> object:
    if question == "content":
        return _hash(file, size)
    if question == "listing":
        return sorted(os.listdir(file))
    if question == "xattrs":
        return {key: os.getxattr(file, key).hex() for key in sorted(os.listxattr(file))}
    if question.startswith(XATTR):
        return {"value": os.getxattr(file, question.removeprefix(XATTR)).hex()}
    offset, length = map(int, question.removeprefix(BYTES).split(":"))
    content = os.pread(file, length, offset)
    return {"read": len(content), "hash": blake2b(content, digest_size=16).hexdigest()}


def _attributes(status: os.stat_result) -> Observation:
    return {"attributes": {field: getattr(status, field) for field in COMPARED}}


def _hash(file: int, size: int) -> dict[str, object]:
    digest = blake2b(digest_size=16)
    read = 0
    if size <= WHOLE:
        # One byte more than there should be: a short answer says that this was the end, without asking again.
        while len(piece := os.read(file, WHOLE + 1)) > WHOLE:
            digest.update(piece)
            read += len(piece)
        digest.update(piece)
        read += len(piece)
    else:
        for offset in (0, size - END):
            digest.update(piece := os.pread(file, END, offset))
            read += len(piece)
    return {"read": read, "hash": digest.hexdigest()}
