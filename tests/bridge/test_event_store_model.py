"""The event store against a model: every operation, errno for errno, over reopenings, now and at any moment past."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.store import feed
from bridge.store.event_store import EventStore
from bridge.store.past import Past
from bridge.store.replay import differences
from bridge.store.schema import CHUNK
from bridge.store.tree import Tree
from tests.bridge.posix_model import File, Folder, Link, Model

NAMES = st.sampled_from(["a", "b", "ü\udcff", "d", "e"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
OFFSETS = st.sampled_from([0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 7, 3 * CHUNK])
DATA = st.sampled_from([b"x", b"hello", b"\0" * 10, b"ab" * CHUNK, b"c" * CHUNK])


def walk(tree: Tree) -> dict[str, tuple[object, ...]]:
    """Return everything in the store, in the model's form."""
    found: dict[str, tuple[object, ...]] = {}
    pending = [""]
    while pending:
        path = pending.pop()
        node = tree.at(os.fsencode(path))
        if node.is_directory:
            names = sorted(os.fsdecode(name) for name in tree.names(node.id))
            found[path] = ("folder", node.nlink, names)
            pending += [f"{path}/{name}".lstrip("/") for name in names]
        elif node.target is not None:
            found[path] = ("link", os.fsdecode(node.target))
        else:
            content = bytes(tree.read(node.id, 0, node.size + 10)[1])
            xattrs = {os.fsdecode(name): tree.xattr(node.id, name) for name in tree.xattrs(node.id)}
            found[path] = ("file", content, xattrs, stat.S_IMODE(node.mode), node.nlink)
    return found


class StoreAgainstModel(RuleBasedStateMachine):
    """Random system calls on the store and on the model, which must agree on results and on errors."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.db"
        self.store = EventStore(self.path)
        self.model = Model()
        self.moments: dict[int, dict[str, tuple[object, ...]]] = {}  # what there was after each event

    def teardown(self) -> None:
        assert differences(self.store._writer) == []
        for event, there in self.moments.items():
            assert walk(Past(self.store._writer, event)) == there
        self.store.close()
        self.folder.cleanup()

    def both(self, modelled: Callable[[], object], stored: Callable[[], object]) -> None:
        assert self.outcome(stored) == self.outcome(modelled)

    @staticmethod
    def outcome(call: Callable[[], object]) -> int:
        try:
            call()
        except OSError as error:
            assert error.errno
            return error.errno
        return 0

    def change(self, name: str, *arguments: object) -> None:
        with self.store.change("tester") as change:
            getattr(change, name)(*arguments)

    def number(self, path: str) -> int:
        with self.store.read() as tree:
            return tree.number(os.fsencode(path))

    @rule(path=PATHS)
    def create(self, path: str) -> None:
        self.both(lambda: self.model.make(path, File()), lambda: self.change("make", os.fsencode(path), 0o100644, 0, 0))

    @rule(path=PATHS)
    def mkdir(self, path: str) -> None:
        self.both(
            lambda: self.model.make(path, Folder()), lambda: self.change("make", os.fsencode(path), 0o040755, 0, 0)
        )

    @rule(path=PATHS, points_to=PATHS)
    def symlink(self, path: str, points_to: str) -> None:
        self.both(
            lambda: self.model.make(path, Link(points_to)),
            lambda: self.change("make", os.fsencode(path), 0o120777, 0, 0, os.fsencode(points_to)),
        )

    @rule(source=PATHS, path=PATHS)
    def link(self, source: str, path: str) -> None:
        self.both(
            lambda: self.model.link(source, path), lambda: self.change("link", os.fsencode(source), os.fsencode(path))
        )

    @rule(path=PATHS)
    def unlink(self, path: str) -> None:
        self.both(lambda: self.model.unlink(path), lambda: self.change("unlink", os.fsencode(path)))

    @rule(path=PATHS)
    def rmdir(self, path: str) -> None:
        self.both(lambda: self.model.rmdir(path), lambda: self.change("rmdir", os.fsencode(path)))

    @rule(old=PATHS, new=PATHS)
    def rename(self, old: str, new: str) -> None:
        self.both(
            lambda: self.model.rename(old, new), lambda: self.change("rename", os.fsencode(old), os.fsencode(new))
        )

    @rule(path=PATHS, offset=OFFSETS, data=DATA)
    def write(self, path: str, offset: int, data: bytes) -> None:
        if self.is_file(path):
            self.model.write(path, offset, data)
            self.change("write", self.number(path), os.fsencode(path), [(offset, data)], 1)

    @rule(path=PATHS, size=OFFSETS)
    def truncate(self, path: str, size: int) -> None:
        if self.is_file(path):
            self.model.truncate(path, size)
            self.change("truncate", self.number(path), os.fsencode(path), size)

    @rule(path=PATHS, mode=st.sampled_from([0o600, 0o755]), name=NAMES, value=DATA)
    def describe(self, path: str, mode: int, name: str, value: bytes) -> None:
        if self.is_file(path):
            file = self.model.file(path)
            file.mode = mode
            file.xattrs[name] = value
            self.change("chmod", os.fsencode(path), mode)
            self.change("setxattr", os.fsencode(path), os.fsencode(name), value, 0)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = EventStore(self.path)

    def is_file(self, path: str) -> bool:
        try:
            return isinstance(self.model.find(path), File)
        except OSError:
            return False

    @invariant()
    def agrees(self) -> None:
        with self.store.read() as tree:
            there = self.model.walk()
            assert walk(tree) == there
            self.moments[feed.tail(tree.connection)[0]] = there


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
