"""`shadows/<path>`: what agents noted on the file `current/<path>`, a line of JSON an annotation.

Every file of `current/` has a shadow, empty where nothing was noted. A line that is written to it is one annotation
(see `bridge.annotations.parse`); nothing else can be done to it. Annotations belong to the file and not to its name:
they follow a rename, and go on where a file is replaced as a whole.
"""

# ruff: noqa: ARG002  (the signatures are fusepy's: not every operation needs all that it is told)
from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.annotations import LONGEST, Annotation, AnnotationError, anchor, parse, rendered
from bridge.sections.handles import Handles
from bridge.sections.section import Attributes, Section, Surroundings, attributes
from bridge.store.tree import Node, Tree, failure
from dualfuse.operations import DirectHandle

LARGEST = 16 * 1024 * 1024  # bytes of a file up to which it can be annotated: its lines are looked through
KEPT = 64  # shadows that are remembered as they were last shown


@dataclass
class Pen:
    """An open shadow: whose it is, and the beginning of a line that is not finished yet."""

    node: int
    path: bytes
    agent: str
    begun: bytes = b""


class Shadows(Section):
    """The tree of `current/`, with annotations in the place of content."""

    def __init__(self, around: Surroundings) -> None:
        self._store = around.store
        self._caller = around.caller
        self._pens: Handles[Pen] = Handles()
        self._shown: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        with self._store.read() as tree:
            node = tree.at(os.fsencode(path))
            notes = _annotations(tree, node.id) if stat.S_ISREG(node.mode) else []
            size = len(self._shadow(tree, node, notes)) if notes else 0
        if not stat.S_ISREG(node.mode):
            return {**attributes(node), "st_dev": 1}
        readable = stat.S_IMODE(node.mode) & 0o444
        changed = max([node.ctime, *(note.time for note in notes)])
        # Who may read the file may note something on it: whether the agent may, its rights say.
        shadow = node._replace(mode=stat.S_IFREG | readable | readable >> 1, size=size, mtime=changed, ctime=changed)
        return {**attributes(shadow), "st_dev": 1}

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        with self._store.read() as tree:
            return [os.fsdecode(name) for name in tree.names(tree.number(os.fsencode(path)))]

    def readlink(self, path: str) -> str:
        with self._store.read() as tree:
            return os.fsdecode(tree.target(os.fsencode(path)))

    def open(self, path: str, flags: int) -> int:
        name = os.fsencode(path)
        with self._store.read() as tree:
            node = tree.at(name)
        if node.is_directory:
            raise failure(errno.EISDIR)
        if flags & os.O_TRUNC or (flags & os.O_ACCMODE != os.O_RDONLY and not flags & os.O_APPEND):
            raise failure(errno.EPERM)
        return DirectHandle(self._pens.add(Pen(node.id, name, self._caller().agent)))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        with self._store.read() as tree:
            node = tree.node(self._pens[fh].node)
            return self._shadow(tree, node, _annotations(tree, node.id))[offset : offset + size]

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        pen = self._pens[fh]
        *lines, rest = (pen.begun + data).split(b"\n")
        if len(rest) > LONGEST or any(len(line) > LONGEST for line in lines):
            raise failure(errno.EFBIG)
        self._note(pen, lines)
        pen.begun = rest
        return len(data)

    def flush(self, path: str, fh: int) -> int:
        pen = self._pens[fh]
        rest, pen.begun = pen.begun, b""
        self._note(pen, [rest] if rest else [])
        return 0

    def release(self, path: str, fh: int) -> int:
        try:
            return self.flush(path, fh)
        finally:
            self._pens.close(fh)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._store.sync()
        return 0

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        raise failure(errno.EPERM)

    def unlink(self, path: str) -> int:
        raise failure(errno.EPERM)

    def _note(self, pen: Pen, lines: list[bytes]) -> None:
        """Do what lines ask for, all of it or none."""
        if not lines:
            return
        try:
            wanted = [parse(line) for line in lines]
            with self._store.change(pen.agent) as change:
                change.section = "shadows"  # the file is one of `current/`; what happens to it happens here
                content = _content(change, change.node(pen.node))
                ids = {note.id: note for note in _annotations(change, pen.node)}
                for one in wanted:
                    if one.retract is None:
                        hashed = anchor(content, one.first, one.last).hex()
                        detail = {"first": one.first, "last": one.last, "anchor": hashed, "text": one.text}
                        change.record("annotate", pen.node, pen.path, detail)
                    elif one.retract in ids and ids[one.retract].agent == pen.agent:
                        change.record("retract", pen.node, pen.path, {"id": one.retract})
                    else:
                        raise failure(errno.EPERM if one.retract in ids else errno.ENOENT)
        except AnnotationError:
            raise failure(errno.EINVAL) from None

    def _shadow(self, tree: Tree, node: Node, notes: list[Annotation]) -> bytes:
        """Return what a file's shadow says now."""
        if not notes:
            return b""
        key = (node.id, node.ctime, node.size, *(note.id for note in notes))
        shown = self._shown.get(key)
        if shown is None:
            shown = rendered(notes, _content(tree, node) if node.size <= LARGEST else None)
            self._shown[key] = shown
            while len(self._shown) > KEPT:
                self._shown.popitem(last=False)
        return shown


def _annotations(tree: Tree, node: int) -> list[Annotation]:
    question = "SELECT id, agent, time, first, last, anchor, text FROM annotations WHERE node=? ORDER BY id"
    return [Annotation._make(row) for row in tree.connection.execute(question, (node,))]


def _content(tree: Tree, node: Node) -> bytes:
    if node.size > LARGEST:
        raise failure(errno.EFBIG)
    return bytes(tree.read(node.id, 0, node.size)[1])
