"""File systems that are wrong on purpose, each in one way that a port could be: what a comparator must find.

Each is a class that is really mounted as the shadow (`python -m dualfuse mount benchmarks.comparing.mutants:NAME`).
Most are wrong for a few names only, or late: the more there is wrong, the easier it would be.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import Any

from dualfuse.operations import FuseOSError
from dualfuse.samples.loopback import Loopback

Attributes = dict[str, Any]
CACHING = ["entry_timeout=30,attr_timeout=30"]  # a naive port's 300 s, shortened


def marked(path: str) -> bool:
    """Whether this is one of the few names for which a mutant is wrong."""
    return path.endswith(("3", "7"))


class _Attribute(Loopback):
    """Gives one attribute wrongly, for marked files."""

    def wrong(self, found: Attributes) -> Attributes:
        return found

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        found = super().getattr(path, fh)
        return self.wrong(found) if marked(path) and stat.S_ISREG(found["st_mode"]) else found


class OffByOneSize(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_size": found["st_size"] + 1}


class StaleMtime(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_mtime": found["st_mtime"] - 1_000_000_000}


class MtimeInMicroseconds(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_mtime": found["st_mtime"] // 1000 * 1000}


class CtimeIsMtime(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_ctime": found["st_mtime"]}


class WrongNlink(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_nlink": found["st_nlink"] + 1}


class WrongMode(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_mode": found["st_mode"] ^ 0o020}


class WrongUid(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_uid": found["st_uid"] + 1}


class WrongGid(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_gid": found["st_gid"] + 1}


class WrongBlocks(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_blocks": found["st_blocks"] + 8}


class NoSetuidBit(_Attribute):
    def wrong(self, found: Attributes) -> Attributes:
        return {**found, "st_mode": found["st_mode"] & ~stat.S_ISUID}


class WrongType(Loopback):
    """Shows links as files."""

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        found = super().getattr(path, fh)
        if stat.S_ISLNK(found["st_mode"]):
            found["st_mode"] = stat.S_IFREG | 0o777
        return found


class WrongErrno(Loopback):
    """Refuses names that do not exist instead of not finding them."""

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        try:
            return super().getattr(path, fh)
        except FileNotFoundError:
            raise FuseOSError(errno.EACCES if marked(path) else errno.ENOENT) from None


class WrongErrnoOfOpen(Loopback):
    def open(self, path: str, flags: int) -> int:
        if marked(path) and flags & os.O_ACCMODE == os.O_RDONLY:
            raise FuseOSError(errno.EPERM)
        return super().open(path, flags)


class WrongErrnoOfXattr(Loopback):
    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        try:
            return super().getxattr(path, name, position)
        except OSError as error:
            raise FuseOSError(errno.EIO if name == "user.none" else error.errno or errno.EIO) from None


class ReadFails(Loopback):
    """Cannot read past the first pages of large files."""

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        if offset >= 256 * 1024:
            raise FuseOSError(errno.EIO)
        return super().read(path, size, offset, fh)


class ShortRead(Loopback):
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        content = super().read(path, size, offset, fh)
        return content[:-1] if marked(path) else content


class FirstPageOnly(Loopback):
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return super().read(path, min(size, 4096), offset, fh) if offset < 4096 else b""


class SwappedBytes(Loopback):
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        content = super().read(path, size, offset, fh)
        return content[1::-1] + content[2:] if marked(path) and len(content) > 1 else content


class WrongOffset(Loopback):
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return super().read(path, size, offset + 1 if offset else 0, fh)


class FlippedBit(Loopback):
    """One bit of a large file, far from both of its ends."""

    at = 700_001

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        content = bytearray(super().read(path, size, offset, fh))
        if offset <= self.at < offset + len(content):
            content[self.at - offset] ^= 0x10
        return bytes(content)


class ZeroedTail(Loopback):
    """Full size, but the last hundred bytes were never written."""

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        content = super().read(path, size, offset, fh)
        return content[:-100] + bytes(100) if marked(path) and len(content) > 100 else content


class LostXattr(Loopback):
    def listxattr(self, path: str) -> list[str]:
        return super().listxattr(path)[:-1]


class WrongXattr(Loopback):
    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        return super().getxattr(path, name, position).upper()


class MissingEntry(Loopback):
    def readdir(self, path: str, fh: int) -> list[str]:
        return [name for name in super().readdir(path, fh) if name != "f3"]


class ExtraEntry(Loopback):
    def readdir(self, path: str, fh: int) -> list[str]:
        return [*super().readdir(path, fh), "ghost"]


class ListsTheFirstHundred(Loopback):
    """Loses what does not fit into one answer."""

    def readdir(self, path: str, fh: int) -> list[str]:
        return super().readdir(path, fh)[:100]


class WrongTarget(Loopback):
    def readlink(self, path: str) -> str:
        return super().readlink(path).rstrip("0123456789") or "x"


class _Remembers(Loopback):
    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.seen: dict[str, Any] = {}


class StaleAttributes(_Remembers):
    """Believes what it saw once, for marked files."""

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        found = super().getattr(path, fh)
        found = self.seen.setdefault(path, found) if marked(path) else found
        return dict(found)


class StaleForASecond(_Remembers):
    """What a cache of one second does."""

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        at, found = self.seen.get(path, (0.0, {}))
        if time.monotonic() - at > 1.0:
            found = super().getattr(path, fh)
            self.seen[path] = (time.monotonic(), found)
        return dict(found)


class StaleContent(_Remembers):
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        content: bytes = self.seen.setdefault(f"{path} {offset} {size}", super().read(path, size, offset, fh))
        return content


class StaleListing(_Remembers):
    def readdir(self, path: str, fh: int) -> list[str]:
        names: list[str] = self.seen.setdefault(path, super().readdir(path, fh))
        return names


class RenameNotSeen(_Remembers):
    """Goes on to show what was there under the old name."""

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        try:
            self.seen[path] = super().getattr(path, fh)
        except FileNotFoundError:
            if path not in self.seen:
                raise
        return dict(self.seen[path])


class TruncationNotSeen(_Remembers):
    """A file never becomes smaller."""

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        found = super().getattr(path, fh)
        found["st_size"] = self.seen[path] = max(found["st_size"], self.seen.get(path, 0))
        return found


class NewNameNotSeen(_Remembers):
    """Goes on not to find what was not there."""

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        if path in self.seen:
            raise FuseOSError(errno.ENOENT)
        try:
            return super().getattr(path, fh)
        except FileNotFoundError:
            self.seen[path] = True
            raise


class KernelBelievesIt(Loopback):
    """Nothing is wrong with the class: it is mounted with `CACHING`."""


MUTANTS: tuple[tuple[type[Loopback], list[str]], ...] = (
    *(
        (mutant, [])
        for mutant in (
            *(OffByOneSize, StaleMtime, MtimeInMicroseconds, CtimeIsMtime, WrongNlink, WrongMode, WrongUid, WrongGid),
            *(WrongBlocks, NoSetuidBit, WrongType, WrongErrno, WrongErrnoOfOpen, WrongErrnoOfXattr, ReadFails),
            *(ShortRead, FirstPageOnly, SwappedBytes, WrongOffset, FlippedBit, ZeroedTail, LostXattr, WrongXattr),
            *(MissingEntry, ExtraEntry, ListsTheFirstHundred, WrongTarget, StaleAttributes, StaleForASecond),
            *(StaleContent, StaleListing, RenameNotSeen, TruncationNotSeen, NewNameNotSeen),
        )
    ),
    (KernelBelievesIt, CACHING),
)
