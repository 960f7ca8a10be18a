"""Loopback file systems with one fault each: what compares mounts must find every one of them."""

from __future__ import annotations

import errno
import os
from typing import Any

from dualfuse.samples.loopback import Loopback


class WrongErrno(Loopback):
    def rmdir(self, path: str) -> None:
        try:
            super().rmdir(path)
        except OSError:
            raise FileExistsError(errno.EEXIST, "wrong") from None


class ShortRead(Loopback):
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return super().read(path, size, offset, fh)[:-1]


class SwappedBytes(Loopback):
    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return super().write(path, data[1::-1] + data[2:], offset, fh)


class WrongSize(Loopback):
    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        seen = super().getattr(path, fh)
        return {**seen, "st_size": seen["st_size"] + (seen["st_size"] % 7 == 6)}


class WrongLinks(Loopback):
    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        return {**super().getattr(path, fh), "st_nlink": 1}


class LostAttribute(Loopback):
    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> None:
        if not name.endswith("2"):
            super().setxattr(path, name, value, options, position)


class MissingEntry(Loopback):
    def readdir(self, path: str, fh: int) -> list[str]:
        return [name for name in super().readdir(path, fh) if name != "x y"]


class LostMode(Loopback):
    def chmod(self, path: str, mode: int) -> None:
        super().chmod(path, mode & ~0o004)


class LostOwner(Loopback):
    def chown(self, path: str, uid: int, gid: int) -> None:
        super().chown(path, uid, uid)


class StaleTime(Loopback):
    def utimens(self, path: str, times: tuple[float, float] | None = None) -> None:
        super().utimens(path, times and (times[0], times[0]))


class TruncatesShort(Loopback):
    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        super().truncate(path, length & ~1, fh)


class CopiesInsteadOfLinks(Loopback):
    def link(self, target: str, source: str) -> None:
        if not os.path.isfile(self._real(source)):  # noqa: PTH113
            super().link(target, source)
            return
        with open(self._real(source), "rb") as old, open(self._real(target), "xb") as new:  # noqa: PTH123
            new.write(old.read())
        os.chmod(self._real(target), os.stat(self._real(source)).st_mode & 0o7777)  # noqa: PTH101, PTH116


class KeepsTheOldName(Loopback):
    def rename(self, old: str, new: str) -> None:
        super().rename(old, new)
        if os.path.islink(self._real(new)):  # noqa: PTH114
            os.symlink("kept", self._real(old))  # noqa: PTH211


MUTANTS: tuple[type[Loopback], ...] = (
    WrongErrno, ShortRead, SwappedBytes, WrongSize, WrongLinks, LostAttribute, MissingEntry, LostMode, LostOwner,
    StaleTime, TruncatesShort, CopiesInsteadOfLinks, KeepsTheOldName,
)  # fmt: skip
