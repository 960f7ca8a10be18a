"""`context/<package>/`: what agents are given to work with, a folder a package."""

from __future__ import annotations

import errno
import os

from bridge.sections.tree_section import TreeSection
from bridge.store.tree import failure


class Context(TreeSection):
    """A tree like `current/` at whose top only folders stand: each is a package."""

    NAME = "context"

    def create(self, path: str, mode: int, fi: object = None) -> int:
        _within_a_package(path)
        return super().create(path, mode, fi)

    def mknod(self, path: str, mode: int, dev: int) -> int:
        _within_a_package(path)
        return super().mknod(path, mode, dev)

    def symlink(self, target: str, source: str) -> int:
        _within_a_package(target)
        return super().symlink(target, source)

    def link(self, target: str, source: str) -> int:
        _within_a_package(target)
        return super().link(target, source)

    def rename(self, old: str, new: str) -> int:
        with self._read() as tree:
            package = tree.at(os.fsencode(old)).is_directory
        if not package:
            _within_a_package(new)
        return super().rename(old, new)


def _within_a_package(path: str) -> None:
    if "/" not in path:
        raise failure(errno.EPERM)
