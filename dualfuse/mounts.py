"""The kernel's own table of mounts, read without touching any mount."""

from __future__ import annotations

import os
from typing import NamedTuple


class Mount(NamedTuple):
    """One line of mountinfo."""

    id: int
    parent: int
    major: int
    minor: int
    root: str
    path: str
    filesystem: str
    source: str

    @property
    def device(self) -> int:
        """The number that stat gives as st_dev."""
        return os.makedev(self.major, self.minor)

    @property
    def is_fuse(self) -> bool:
        """Whether a user-space process serves it."""
        return self.filesystem == "fuse" or self.filesystem.startswith("fuse.")


def _unescape(field: str) -> str:
    """Undo the octal escapes of mountinfo (space, tab, newline, backslash)."""
    if "\\" not in field:
        return field
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def mounts(pid: int | str = "self") -> list[Mount]:
    """Read the mounts that a process sees, in the order in which they were stacked."""
    with open(f"/proc/{pid}/mountinfo", "rb") as table_file:  # noqa: PTH123 - pathlib costs a mount 3 ms
        text = os.fsdecode(table_file.read())
    table = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, rest = left.split(" "), right.split(" ")
        major, _, minor = fields[2].partition(":")
        table.append(
            Mount(
                id=int(fields[0]),
                parent=int(fields[1]),
                major=int(major),
                minor=int(minor),
                root=_unescape(fields[3]),
                path=_unescape(fields[4]),
                filesystem=rest[0],
                source=_unescape(rest[1]),
            )
        )
    return table


def resolve(path: str) -> str:
    """Make a path absolute, resolving every part but the last, so that a hung or dead mount there is not touched."""
    head, tail = os.path.split(os.path.abspath(path))  # noqa: PTH100 - "a/../b" must not resolve a
    return os.path.join(os.path.realpath(head), tail)  # noqa: PTH118


def stack_at(path: str) -> list[Mount]:
    """Give all mounts on exactly this path, the visible one last."""
    wanted = resolve(path)
    here = [mount for mount in mounts() if mount.path == wanted]
    # A mount beneath another is listed after it: order by who sits on whom, not by line.
    by_parent = {mount.parent: mount for mount in here}
    ids = {mount.id for mount in here}
    current = next((mount for mount in here if mount.parent not in ids), None)
    ordered = []
    while current is not None:
        ordered.append(current)
        current = by_parent.get(current.id)
    return ordered


def mount_at(path: str) -> Mount | None:
    """Give the visible mount on exactly this path, or None."""
    stack = stack_at(path)
    return stack[-1] if stack else None
