"""A file system in a dictionary: what the event store must do, said as plainly as possible."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import NoReturn

Path = tuple[str, ...]


@dataclass
class File:
    """A file's content and extended attributes, shared by all its names."""

    content: bytearray = field(default_factory=bytearray)
    xattrs: dict[str, bytes] = field(default_factory=dict)
    mode: int = 0o644
    links: int = 1


@dataclass
class Link:
    """A symbolic link."""

    target: str


@dataclass
class Folder:
    """A directory."""

    entries: dict[str, File | Link | Folder] = field(default_factory=dict)


Thing = File | Link | Folder


class Model:
    """System calls on paths; they raise OSError with the errno that Linux gives."""

    def __init__(self) -> None:
        self.root = Folder()

    def find(self, path: str) -> Thing:
        found: Thing = self.root
        for name in path.split("/") if path else []:
            if not isinstance(found, Folder) or name not in found.entries:
                _fail(errno.ENOENT)
            found = found.entries[name]
        return found

    def parent(self, path: str) -> tuple[Folder, str]:
        folder, _, name = path.rpartition("/")
        found = self.find(folder)
        if not isinstance(found, Folder):
            _fail(errno.ENOTDIR)
        return found, name

    def make(self, path: str, thing: Thing) -> None:
        folder, name = self.parent(path)
        if name in folder.entries:
            _fail(errno.EEXIST)
        folder.entries[name] = thing

    def link(self, source: str, path: str) -> None:
        thing = self.find(source)
        if isinstance(thing, Folder):
            _fail(errno.EPERM)
        self.make(path, thing)
        if isinstance(thing, File):
            thing.links += 1

    def unlink(self, path: str) -> None:
        thing = self.find(path)
        if isinstance(thing, Folder):
            _fail(errno.EISDIR)
        folder, name = self.parent(path)
        del folder.entries[name]
        if isinstance(thing, File):
            thing.links -= 1

    def rmdir(self, path: str) -> None:
        thing = self.find(path)
        if not isinstance(thing, Folder):
            _fail(errno.ENOTDIR)
        if thing.entries:
            _fail(errno.ENOTEMPTY)
        folder, name = self.parent(path)
        del folder.entries[name]

    def rename(self, old: str, new: str) -> None:
        thing = self.find(old)
        old_folder, old_name = self.parent(old)
        new_folder, new_name = self.parent(new)
        if isinstance(thing, Folder) and new.startswith(old + "/"):
            _fail(errno.EINVAL)
        over = new_folder.entries.get(new_name)
        if over is thing:
            return
        if isinstance(thing, Folder) and over is not None:
            if not isinstance(over, Folder):
                _fail(errno.ENOTDIR)
            if over.entries:
                _fail(errno.ENOTEMPTY)
        elif isinstance(over, Folder):
            _fail(errno.EISDIR)
        if isinstance(over, File):
            over.links -= 1
        del old_folder.entries[old_name]
        new_folder.entries[new_name] = thing

    def file(self, path: str) -> File:
        thing = self.find(path)
        if not isinstance(thing, File):
            _fail(errno.EISDIR)
        return thing

    def write(self, path: str, offset: int, data: bytes) -> None:
        content = self.file(path).content
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data

    def truncate(self, path: str, size: int) -> None:
        content = self.file(path).content
        del content[size:]
        content.extend(bytes(size - len(content)))

    def walk(self) -> dict[str, tuple[object, ...]]:
        """Return everything there is, by path, in a form that can be compared."""
        found: dict[str, tuple[object, ...]] = {}

        def visit(path: str, thing: Thing) -> None:
            if isinstance(thing, Folder):
                folders = sum(isinstance(child, Folder) for child in thing.entries.values())
                found[path] = ("folder", 2 + folders, sorted(thing.entries))
                for name, child in thing.entries.items():
                    visit(f"{path}/{name}".lstrip("/"), child)
            elif isinstance(thing, Link):
                found[path] = ("link", thing.target)
            else:
                found[path] = ("file", bytes(thing.content), dict(thing.xattrs), thing.mode, thing.links)

        visit("", self.root)
        return found


def _fail(code: int) -> NoReturn:
    raise OSError(code, os.strerror(code))
