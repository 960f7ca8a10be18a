"""Files as the HTTP API handles them: through this Bridge's own mount, so that traffic really exercises its backend.

Everything here blocks and runs in worker threads. Each request opens `current/` once and works below that descriptor,
so it stays on one mount even while the mount point is swapped.
"""

from __future__ import annotations

import errno
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dualfuse.beneath import FOLDER, open_beneath, opened

INCOMING = ".incoming"  # where a body is written before it takes its name, in one step
PIECE = 1024 * 1024
FILE_MODE, FOLDER_MODE = 0o644, 0o755


class BadPathError(ValueError):
    """The path of a request names no file below `current/`."""


def checked(path: str) -> str:
    """Return the path of a request, relative to `current/`.

    Raises:
        BadPathError: It is empty, climbs, or contains what no name can.
    """
    names = path.split("/")
    if not path or "\0" in path or any(name in ("", ".", "..") for name in names) or names[0] == INCOMING:
        raise BadPathError(f"{path!r} is not the path of a file")
    return path


def put(current: Path, path: str, body: bytes) -> bool:
    """Store a body under a path, making the folders it needs, and return whether the path is new.

    The body takes its name only when all of it is stored: a reader sees the old content or the new, never a part.
    """
    folder, _, name = path.rpartition("/")
    with _root(current) as root:
        temporary = f"{INCOMING}/{uuid.uuid4().hex}"
        file = _create(root, temporary)
        try:
            with opened(file):
                view = memoryview(body)
                while view:
                    view = view[os.write(file, view) :]
            with opened(_folder(root, folder)) as parent:
                before = _status(parent, name)
                if before is not None and stat.S_ISREG(before.st_mode):
                    _keep_attributes(root, temporary, before)
                os.rename(temporary, name, src_dir_fd=root, dst_dir_fd=parent)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=root)
            raise
    return before is None


def get(current: Path, path: str) -> bytes:
    """Return a file's content."""
    with _root(current) as root, opened(open_beneath(root, path, os.O_RDONLY | os.O_NONBLOCK)) as file:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        pieces = []
        while piece := os.read(file, PIECE):
            pieces.append(piece)
        return b"".join(pieces)


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
