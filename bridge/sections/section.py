"""What a section of the mount is, and what one that cannot be written answers."""

# ruff: noqa: ARG002  (the signatures are fusepy's: not every operation needs all that it is told)
from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from bridge.agents import Agent, unlimited
from bridge.store.event_store import EventStore
from bridge.store.tree import Node, failure

Attributes = dict[str, int]  # st_* as fusepy names them; times in nanoseconds
BLOCK = 128 * 1024  # bytes: the size programs are told to read and write in, the largest request the kernel sends


class Caller:
    """Who makes the call at hand: the numbers the kernel gave, and the agent that they stand for.

    Args:
        uid: The user.
        gid: The group.
        pid: The thread that calls.
        agents: Tells the agent; without it, an agent is its uid and may do everything.
    """

    __slots__ = ("_agents", "gid", "pid", "uid")

    def __init__(self, uid: int, gid: int, pid: int, agents: Callable[[Caller], Agent] | None = None) -> None:
        self.uid, self.gid, self.pid, self._agents = uid, gid, pid, agents

    @property
    def identity(self) -> Agent:
        """The agent, with what it may do."""
        return self._agents(self) if self._agents else unlimited(f"uid:{self.uid}")

    @property
    def agent(self) -> str:
        """The name under which events are written down."""
        return self.identity.name


CallerSource = Callable[[], Caller]


@dataclass(frozen=True)
class Surroundings:
    """What a section may use.

    Args:
        store: The event store; other processes may have it open as well.
        caller: Tells who makes the call at hand.
        facts: What the process that serves the mount says of itself: sections of `debug/` by name.
    """

    store: EventStore
    caller: CallerSource
    facts: Callable[[], Mapping[str, str]] = dict


def attributes(node: Node) -> Attributes:
    """Return the attributes of a node as fusepy wants them."""
    return {
        "st_ino": node.id,
        "st_mode": node.mode,
        "st_nlink": node.nlink,
        "st_uid": node.uid,
        "st_gid": node.gid,
        "st_size": node.size,
        "st_blocks": -(-node.size // 512),
        "st_blksize": BLOCK,
        "st_atime": node.atime,
        "st_mtime": node.mtime,
        "st_ctime": node.ctime,
    }


class Section:
    """One section: fusepy's operations on paths below the section's name; "" is the section's own directory.

    Everything that would change something is refused with EROFS until a section says otherwise.
    """

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        """Return the attributes of a path."""
        raise failure(errno.ENOENT)

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        """Return the names in a directory, without "." and ".."."""
        raise failure(errno.ENOTDIR)

    def readlink(self, path: str) -> str:
        """Return where a symbolic link points."""
        raise failure(errno.EINVAL)

    def open(self, path: str, flags: int) -> int:
        """Open a file."""
        raise failure(errno.ENOENT)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Return bytes of an open file."""
        raise failure(errno.EBADF)

    def flush(self, path: str, fh: int) -> int:
        """A descriptor of the handle was closed."""
        return 0

    def release(self, path: str, fh: int) -> int:
        """The last descriptor of the handle was closed."""
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """Bring a file to the disk."""
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        """Bring a directory to the disk."""
        return 0

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        """Return an extended attribute."""
        raise failure(errno.ENODATA)

    def listxattr(self, path: str) -> list[str]:
        """Return the names of the extended attributes."""
        return []

    def create(self, path: str, mode: int, fi: object = None) -> int:
        """Make and open a file."""
        self._read_only()

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Write to an open file."""
        self._read_only()

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        """Set a file's size."""
        self._read_only()

    def mknod(self, path: str, mode: int, dev: int) -> int:
        """Make a file without opening it."""
        self._read_only()

    def mkdir(self, path: str, mode: int) -> int:
        """Make a directory."""
        self._read_only()

    def symlink(self, target: str, source: str) -> int:
        """Make a symbolic link at `target` that points to `source`."""
        self._read_only()

    def link(self, target: str, source: str) -> int:
        """Give the file `source` the second name `target`."""
        self._read_only()

    def unlink(self, path: str) -> int:
        """Remove a name."""
        self._read_only()

    def rmdir(self, path: str) -> int:
        """Remove an empty directory."""
        self._read_only()

    def rename(self, old: str, new: str) -> int:
        """Move a name."""
        self._read_only()

    def chmod(self, path: str, mode: int) -> int:
        """Set the permissions."""
        self._read_only()

    def chown(self, path: str, uid: int, gid: int) -> int:
        """Set owner and group."""
        self._read_only()

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        """Set the times."""
        self._read_only()

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int:
        """Set an extended attribute."""
        self._read_only()

    def removexattr(self, path: str, name: str) -> int:
        """Remove an extended attribute."""
        self._read_only()

    def close(self) -> None:
        """The mount goes: store what is not stored yet."""

    @staticmethod
    def _read_only() -> NoReturn:
        raise failure(errno.EROFS)
