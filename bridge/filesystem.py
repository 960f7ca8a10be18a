"""The Bridge's file system: one path-based Operations object over the table of its sections.

It is written as for fusepy and knows nothing of backends, mounts or threads of a C library: any number of threads may
call it at once, and the sections see to their own locks.
"""

# ruff: noqa: ARG002  (the signatures are fusepy's: not every operation needs all that it is told)
from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bridge.agents import CHANGEABLE
from bridge.sections.context import Context
from bridge.sections.current import Current
from bridge.sections.debug import Debug
from bridge.sections.history import History
from bridge.sections.section import Attributes, Caller, CallerSource, Section, Surroundings
from bridge.sections.shadows import Shadows
from bridge.sections.streams import Streams
from bridge.store.event_store import EventStore
from bridge.store.feed import events
from bridge.store.tree import failure

# Every section of the mount, by the name it has there; adding one is a module and a line here.
SECTIONS: dict[str, Callable[[Surroundings], Section]] = {
    "current": Current,
    "history": History,
    "shadows": Shadows,
    "context": Context,
    "streams": Streams,
    "debug": Debug,
}


def own_process() -> Caller:
    """Return this process as the caller: what holds where no kernel stands in between."""
    return Caller(os.getuid(), os.getgid(), os.getpid())


class Filesystem:
    """fusepy's operations, given to the section that the first name of the path stands for.

    Args:
        store: The event store.
        caller: Tells who makes the call at hand.
        sections: What the mount shows; every section there is, unless told otherwise.
        facts: What `debug/` says, by file.
    """

    use_ns = True  # fusepy: times are nanoseconds

    def __init__(
        self,
        store: EventStore,
        caller: CallerSource = own_process,
        sections: Mapping[str, Callable[[Surroundings], Section]] = SECTIONS,
        facts: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._store = store
        self._caller = caller
        around = Surroundings(store, caller, facts)
        self._sections = {name: make(around) for name, make in sections.items()}
        with store.reader() as reader:
            self._born = events(reader, limit=1)[0].time  # the same on every mount of the store

    def _find(self, path: str, missing: int = errno.ENOENT) -> tuple[Section, str]:
        name, _, rest = path[1:].partition("/")
        section = self._sections.get(name)
        if section is None:
            raise failure(missing)
        return section, rest

    def _changed(self, path: str) -> tuple[Section, str]:
        """Return section and path for a call that changes something, if the caller may."""
        section, rest = self._find(path, missing=errno.EROFS)
        name = path[1:].partition("/")[0]
        if name in CHANGEABLE and not self._caller().identity.may_write(name):
            raise failure(errno.EACCES)
        return section, rest

    def _inside(self, path: str) -> tuple[Section, str]:
        """Return section and path for a call that changes names: the top of the mount itself never changes."""
        if path.count("/") == 1:
            raise failure(errno.EROFS)
        self._find(path)
        return self._changed(path)

    def _pair(self, first: str, second: str) -> tuple[Section, str, str]:
        """Return the section that both paths lie in, and what they are called there."""
        section, one = self._inside(first)
        other, two = self._inside(second)
        if section is not other:
            raise failure(errno.EXDEV)
        return section, one, two

    def destroy(self, path: str) -> None:
        """The mount goes."""
        for section in self._sections.values():
            section.close()

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        """Return the attributes of a path."""
        if path != "/":
            section, rest = self._find(path)
            return section.getattr(rest, fh)
        return {
            "st_mode": stat.S_IFDIR | 0o755,
            "st_nlink": 2 + len(self._sections),
            "st_uid": os.getuid(),
            "st_gid": os.getgid(),
            "st_atime": self._born,
            "st_mtime": self._born,
            "st_ctime": self._born,
        }

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        """Return the names in a directory."""
        if path == "/":
            return [".", "..", *self._sections]
        section, rest = self._find(path)
        return [".", "..", *section.readdir(rest, fh)]

    def statfs(self, path: str) -> dict[str, int]:
        """Return the room that the disk under the store has."""
        disk = os.statvfs(Path(self._store.path).parent)
        fields = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail")
        return {field: getattr(disk, field) for field in fields} | {"f_namemax": 255}

    def readlink(self, path: str) -> str:
        """Return where a symbolic link points."""
        section, rest = self._find(path)
        return section.readlink(rest)

    def open(self, path: str, flags: int) -> int:
        """Open a file."""
        writes = flags & (os.O_ACCMODE | os.O_TRUNC)
        section, rest = self._changed(path) if writes else self._find(path)
        return section.open(rest, flags)

    def create(self, path: str, mode: int, fi: object = None) -> int:
        """Make and open a file."""
        section, rest = self._inside(path)
        return section.create(rest, mode, fi)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Return bytes of an open file."""
        section, rest = self._find(path)
        return section.read(rest, size, offset, fh)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Write to an open file."""
        section, rest = self._find(path)
        return section.write(rest, data, offset, fh)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        """Set a file's size."""
        section, rest = self._inside(path)
        return section.truncate(rest, length, fh)

    def flush(self, path: str, fh: int) -> int:
        """A descriptor of the handle was closed."""
        section, rest = self._find(path)
        return section.flush(rest, fh)

    def release(self, path: str, fh: int) -> int:
        """The last descriptor of the handle was closed."""
        section, rest = self._find(path)
        return section.release(rest, fh)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """Bring a file to the disk."""
        section, rest = self._find(path)
        return section.fsync(rest, datasync, fh)

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        """Bring a directory to the disk."""
        if path == "/":
            return 0
        section, rest = self._find(path)
        return section.fsyncdir(rest, datasync, fh)

    def mknod(self, path: str, mode: int, dev: int) -> int:
        """Make a file without opening it."""
        section, rest = self._inside(path)
        return section.mknod(rest, mode, dev)

    def mkdir(self, path: str, mode: int) -> int:
        """Make a directory."""
        section, rest = self._inside(path)
        return section.mkdir(rest, mode)

    def symlink(self, target: str, source: str) -> int:
        """Make a symbolic link at `target` that points to `source`."""
        section, rest = self._inside(target)
        return section.symlink(rest, source)

    def link(self, target: str, source: str) -> int:
        """Give the file `source` the second name `target`."""
        section, new, existing = self._pair(target, source)
        return section.link(new, existing)

    def unlink(self, path: str) -> int:
        """Remove a name."""
        section, rest = self._inside(path)
        return section.unlink(rest)

    def rmdir(self, path: str) -> int:
        """Remove an empty directory."""
        section, rest = self._inside(path)
        return section.rmdir(rest)

    def rename(self, old: str, new: str) -> int:
        """Move a name."""
        section, before, after = self._pair(old, new)
        return section.rename(before, after)

    def chmod(self, path: str, mode: int) -> int:
        """Set the permissions."""
        section, rest = self._changed(path)
        return section.chmod(rest, mode)

    def chown(self, path: str, uid: int, gid: int) -> int:
        """Set owner and group."""
        section, rest = self._changed(path)
        return section.chown(rest, uid, gid)

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        """Set the times."""
        section, rest = self._changed(path)
        return section.utimens(rest, times)

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        """Return an extended attribute."""
        section, rest = self._find(path, missing=errno.ENODATA)
        return section.getxattr(rest, name)

    def listxattr(self, path: str) -> list[str]:
        """Return the names of the extended attributes."""
        if path == "/":
            return []
        section, rest = self._find(path)
        return section.listxattr(rest)

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int:
        """Set an extended attribute."""
        section, rest = self._changed(path)
        return section.setxattr(rest, name, value, options)

    def removexattr(self, path: str, name: str) -> int:
        """Remove an extended attribute."""
        section, rest = self._changed(path)
        return section.removexattr(rest, name)
