"""Files as the HTTP API handles them: through this Bridge's own mount, so that traffic really exercises its backend.

Everything here blocks and runs in worker threads. Each request opens its section once and works below that descriptor,
so it stays on one mount even while the mount point is swapped.
"""

from __future__ import annotations

import errno
import os
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from bridge.store.changes import REPLACES
from bridge.store.tree import etag
from bridge.web.ranges import part
from dualfuse.beneath import FOLDER, open_beneath, opened

INCOMING = ".incoming"  # where a body is written before it takes its name, in one step
PIECE = 1024 * 1024
FILE_MODE, FOLDER_MODE = 0o644, 0o755


class BadPathError(ValueError):
    """The path of a request names no file below its section."""


class ConditionError(Exception):
    """What is there is not what the request says it replaces."""


class Part(NamedTuple):
    """A file that was opened, and the part of it that is asked for, from `begin` up to but not with `end`."""

    file: FileIO  # closed at the latest when nobody has it any more: a request that was given up forgets it
    begin: int
    end: int
    size: int
    etag: str
    whole: bool

    def read(self, offset: int) -> bytes:
        """Return bytes from an offset on, as many as are read in one piece."""
        return os.pread(self.file.fileno(), min(PIECE, self.end - offset), offset)

    def read_all(self) -> bytes:
        """Return the whole part, or what there is of it by now."""
        pieces = []
        offset = self.begin
        while offset < self.end and (piece := self.read(offset)):
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)


def checked(path: str) -> str:
    """Return the path of a request, relative to its section.

    Raises:
        BadPathError: It is empty, climbs, or contains what no name can.
    """
    names = path.split("/")
    if not path or "\0" in path or any(name in ("", ".", "..") for name in names) or names[0] == INCOMING:
        raise BadPathError(f"{path!r} is not the path of a file")
    return path


def put(current: Path, path: str, body: bytes, replaces: str | None = None) -> tuple[bool, str]:
    """Store a body under a path, making the folders it needs; return whether the path is new, and the etag.

    The body takes its name only when all of it is stored: a reader sees the old content or the new, never a part.

    Raises:
        ConditionError: `replaces` is given (see `bridge.store.changes.REPLACES`), and it is not what is there.
    """
    folder, _, name = path.rpartition("/")
    with _root(current) as root:
        temporary = f"{INCOMING}/{uuid.uuid4().hex}"
        file = _create(root, temporary)
        try:
            with opened(file):
                if replaces is not None:
                    os.setxattr(file, REPLACES, replaces.encode())
                view = memoryview(body)
                while view:
                    view = view[os.write(file, view) :]
            with opened(_folder(root, folder)) as parent:
                before = _status(parent, name)
                if before is not None and stat.S_ISREG(before.st_mode):
                    _keep_attributes(root, temporary, before)
                _take(root, temporary, parent, name)
                after = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=root)
            raise
    return before is None, etag(after.st_ctime_ns, after.st_size)


def _take(root: int, temporary: str, parent: int, name: str) -> None:
    try:
        os.rename(temporary, name, src_dir_fd=root, dst_dir_fd=parent)
    except BlockingIOError:
        raise ConditionError(f"{name} is not what the request says it replaces") from None


def get(current: Path, path: str, headers: Mapping[str, str] | None = None) -> Part:
    """Open a file, and find the part of it that a request's headers ask for.

    Raises:
        UnsatisfiableError: There is nothing of what is asked for.
    """
    with _root(current) as root:
        descriptor = open_beneath(root, path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        file = FileIO(descriptor)
    except OSError:  # it is a directory
        os.close(descriptor)
        raise
    try:
        status = os.fstat(file.fileno())
        tag = etag(status.st_ctime_ns, status.st_size)
        asked = part(headers or {}, status.st_size, tag)
    except BaseException:
        file.close()
        raise
    begin, end = asked or (0, status.st_size)
    return Part(file, begin, end, status.st_size, tag, asked is None)


def delete(current: Path, path: str) -> None:
    """Remove a file, or a folder that is empty."""
    folder, _, name = path.rpartition("/")
    with _root(current) as root, opened(open_beneath(root, folder, FOLDER)) as parent:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.rmdir(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)


def names(current: Path, path: str) -> list[str]:
    """Return the names in a folder, sorted; "" is `current/` itself."""
    flags = os.O_RDONLY | os.O_DIRECTORY
    with _root(current) as root, opened(open_beneath(root, path, flags)) as folder:
        return sorted(name for name in os.listdir(folder) if path or name != INCOMING)  # noqa: PTH208 - a descriptor


@contextmanager
def _root(current: Path) -> Iterator[int]:
    try:
        root = os.open(current, FOLDER)
    except FileNotFoundError:  # the bare mount point: a request must not mistake it for an empty tree
        raise OSError(errno.ENOTCONN, "nothing is mounted", str(current)) from None
    with opened(root):
        yield root


def sweep(current: Path, age: float) -> int:
    """Remove bodies that were begun more than `age` seconds ago by a Bridge that died, and return how many."""
    removed = 0
    with (
        _root(current) as root,
        suppress(FileNotFoundError),
        opened(open_beneath(root, INCOMING, os.O_RDONLY)) as folder,
    ):
        for name in os.listdir(folder):  # noqa: PTH208 - a descriptor
            with suppress(FileNotFoundError):  # its writer has just finished after all
                if time.time() - os.stat(name, dir_fd=folder).st_mtime > age:
                    os.unlink(name, dir_fd=folder)
                    removed += 1
    return removed


def _create(root: int, path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, FILE_MODE, dir_fd=root)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(INCOMING, FOLDER_MODE, dir_fd=root)
        return os.open(path, flags, FILE_MODE, dir_fd=root)


def _folder(root: int, path: str) -> int:
    """Open a folder, making it and those above it where they are missing."""
    try:
        return open_beneath(root, path, FOLDER)
    except FileNotFoundError:
        above, _, name = path.rpartition("/")
        with opened(_folder(root, above)) as parent, suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=parent)
        return open_beneath(root, path, FOLDER)


def _status(parent: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _keep_attributes(root: int, temporary: str, before: os.stat_result) -> None:
    if stat.S_IMODE(before.st_mode) != FILE_MODE:
        os.chmod(temporary, stat.S_IMODE(before.st_mode), dir_fd=root)
    if os.geteuid() == 0 and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(temporary, before.st_uid, before.st_gid, dir_fd=root)
