"""The dictionary of attributes that an operation gives, as pyfuse3's EntryAttributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NS = 1_000_000_000


def nanoseconds(value: float, use_ns: bool) -> int:
    """Read a time as fusepy does: integer nanoseconds with use_ns, else (float) seconds."""
    if use_ns:
        return int(value)
    seconds = int(value)
    return seconds * NS + int((value - seconds) * 1e9)


def seconds_or_ns(value: int, use_ns: bool) -> float:
    """Give a time to utimens in the form that the class asks for."""
    if use_ns:
        return value
    seconds, rest = divmod(value, NS)
    return seconds + rest / 1e9


class AttributeFiller:
    """Fills EntryAttributes with the kernel's caching times and the ownership options of one mount."""

    def __init__(self, new: Callable[[], Any], use_ns: bool, entry_timeout: float, attr_timeout: float) -> None:
        self._new = new
        self._use_ns = use_ns
        self._entry_timeout = entry_timeout
        self._attr_timeout = attr_timeout
        self.uid: int | None = None
        self.gid: int | None = None
        self.umask: int | None = None

    def fill(self, attributes: Mapping[str, Any], inode: int, hidden: bool) -> Any:
        """Translate; a missing st_mode or a value of the wrong type raises KeyError, TypeError or OverflowError."""
        entry = self._new()
        get = attributes.get
        entry.st_ino = inode
        entry.st_mode = attributes["st_mode"]
        links = get("st_nlink", 0)
        # a file that lives on under a .fuse_hidden name has been unlinked by its user
        entry.st_nlink = links - 1 if hidden and links > 0 else links
        if (value := get("st_size")) is not None:
            entry.st_size = value
        if (value := get("st_uid")) is not None:
            entry.st_uid = value
        if (value := get("st_gid")) is not None:
            entry.st_gid = value
        if (value := get("st_rdev")) is not None:
            entry.st_rdev = value
        if (value := get("st_blocks")) is not None:
            entry.st_blocks = value
        if value := get("st_blksize"):
            entry.st_blksize = value
        use_ns = self._use_ns
        if (value := get("st_mtime")) is not None:
            entry.st_mtime_ns = nanoseconds(value, use_ns)
        if (value := get("st_ctime")) is not None:
            entry.st_ctime_ns = nanoseconds(value, use_ns)
        if (value := get("st_atime")) is not None:
            entry.st_atime_ns = nanoseconds(value, use_ns)
        entry.entry_timeout = self._entry_timeout
        entry.attr_timeout = self._attr_timeout
        if self.uid is not None:
            entry.st_uid = self.uid
        if self.gid is not None:
            entry.st_gid = self.gid
        if self.umask is not None:
            entry.st_mode = (entry.st_mode & ~0o777) | (0o777 & ~self.umask)
        return entry
