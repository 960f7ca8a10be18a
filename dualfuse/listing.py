"""Directory listings on pyfuse3, which speaks READDIRPLUS only.

A naive listing asks getattr for every entry, which makes 10,000 names 260 times slower than on libfuse2. Entries are
listed plainly (name, type, number) unless the kernel is seen to look most of them up, as ``ls -l`` does; then the rest
of the listing carries attributes and spares those lookups.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dualfuse.context import Caller
from dualfuse.inodes import Node
from dualfuse.insides import PlainEntry, plain_entry_offset

if TYPE_CHECKING:
    from dualfuse.names import NameRequests

UNKNOWN_INODE = 0xFFFFFFFF  # what libfuse2 lists for a file whose number it does not know
_TYPE = 0o170000


class DirectoryHandle:
    """An open directory: its node, the file system's own handle, and the listing being read."""

    __slots__ = ("caller", "entries", "fh", "node", "plus", "sent")

    def __init__(self, node: Node, fh: int, caller: Caller) -> None:
        self.node = node
        self.fh = fh
        self.caller = caller
        self.entries: list[Any] | None = None
        self.plus = False
        self.sent = 0  # entries of the last chunk


class Lister:
    """Answers readdir requests of one mount."""

    def __init__(self, pyfuse3: Any, requests: NameRequests, policy: str, numbers: bool) -> None:
        self._pyfuse3 = pyfuse3
        self._requests = requests
        self._numbers = numbers  # list known names with their inode number, as the option readdir_ino asks for
        self._policy = policy
        self._offset: int | None = None
        self._is_prepared = False

    def prepare(self) -> None:
        """Find out, before the first listing, whether entries can be listed plainly."""
        self._offset = plain_entry_offset(self._pyfuse3)
        if self._offset is None:
            self._policy = "plus"
        self._is_prepared = True

    def reply(self, handle: DirectoryHandle, offset: int, token: Any) -> None:
        """Send the entries from an offset on, as many as fit."""
        if not self._is_prepared:
            self.prepare()
        node = handle.node
        if offset == 0 or handle.entries is None:
            path = self._requests.inodes.path(node)
            handle.entries = self._requests.do.readdir(path, handle.fh)
            handle.plus = self._policy == "plus"
        elif self._policy == "auto" and not handle.plus:
            handle.plus = handle.sent > 0 and node.looked_up * 2 > handle.sent
        node.looked_up = 0
        send = self._send_plus if handle.plus else self._send_plain
        handle.sent = send(handle, handle.entries, offset, token) - offset

    def _send_plain(self, handle: DirectoryHandle, entries: list[Any], offset: int, token: Any) -> int:
        reply = self._pyfuse3.readdir_reply
        assert self._offset is not None
        plain = PlainEntry(self._pyfuse3, self._offset)
        plain.set(UNKNOWN_INODE, 0)
        known = handle.node.children if self._numbers else None
        entry, index, last, is_changed = plain.entry, offset, len(entries), False
        while index < last:
            name = entries[index]
            if known or type(name) is not str:
                name, attributes = _split(name)
                child = known.get(name) if known else None
                number = child.id if child is not None else (attributes.get("st_ino") or UNKNOWN_INODE)
                plain.set(number, attributes.get("st_mode", 0) & _TYPE)
                is_changed = True
            elif is_changed:
                plain.set(UNKNOWN_INODE, 0)
                is_changed = False
            if not reply(token, name.encode("utf-8", "surrogateescape"), entry, index + 1):
                return index
            index += 1
        return index

    def _send_plus(self, handle: DirectoryHandle, entries: list[Any], offset: int, token: Any) -> int:
        requests, inodes, reply = self._requests, self._requests.inodes, self._pyfuse3.readdir_reply
        parent = handle.node
        for index in range(offset, len(entries)):
            name, _ = _split(entries[index])
            if name not in {".", ".."}:
                try:
                    attributes = requests.do.getattr(inodes.path_in(parent, name), None)
                except OSError:  # gone since it was listed, or unreadable: list the name as libfuse2 does
                    attributes = None
                if attributes is not None:
                    node = inodes.remember(parent, name, attributes)
                    if reply(token, os.fsencode(name), requests.fill(attributes, node), index + 1):
                        continue
                    inodes.forget([(node.id, 1)])  # did not fit, so the kernel never hears of it
                    return index
            if self._offset is not None:
                plain = PlainEntry(self._pyfuse3, self._offset)
                plain.set(UNKNOWN_INODE, 0)
                if not reply(token, os.fsencode(name), plain.entry, index + 1):
                    return index
        return len(entries)


def _split(entry: Any) -> tuple[str, dict[str, Any]]:
    """Read an entry in either of fusepy's two forms."""
    if isinstance(entry, str):
        return entry, {}
    name, attributes, _offset = entry
    return name, attributes or {}
