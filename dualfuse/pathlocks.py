"""Path locks: a path never changes under a running operation.

Operations run side by side; a change of a path (rename, unlink, rmdir) waits until nothing runs at or below what it
changes, and what would start there meanwhile waits for it, as libfuse2's high-level layer does. Without a change in
sight an operation pays one dictionary write before and one after.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import get_ident
from typing import Any

from dualfuse.inodes import Node

_Nodes = tuple[Node, ...]


def _overlap(nodes: _Nodes, subtrees: _Nodes) -> bool:
    return any(node.is_within(subtree) for node in nodes for subtree in subtrees)


class PathLocks:
    """Who runs where, one operation a thread (or whatever ``ident`` tells apart, if ``moved`` can wait for it)."""

    def __init__(self, ident: Callable[[], int] = get_ident, moved: Any = None) -> None:
        self._ident = ident
        self._running: dict[int, _Nodes] = {}
        self._changing: dict[int, _Nodes] = {}
        self._moved = moved or threading.Condition()

    def enter(self, *nodes: Node) -> None:
        """Begin an operation that uses the paths of these nodes; waits while one of them is being changed."""
        me = self._ident()
        # Write first, look second; a change does the same the other way round, so at least one of the two sees both.
        self._running[me] = nodes
        if self._changing:
            self._wait(me, nodes)

    def _wait(self, me: int, nodes: _Nodes) -> None:
        with self._moved:
            if not self._blocked(me, nodes):
                return
            del self._running[me]
            self._moved.notify_all()
            self._moved.wait_for(lambda: not self._blocked(me, nodes))
            self._running[me] = nodes

    def _blocked(self, me: int, nodes: _Nodes) -> bool:
        return any(_overlap(nodes, subtrees) for who, subtrees in self._changing.items() if who != me)

    def change(self, uses: _Nodes, changes: _Nodes) -> None:
        """Begin an operation that uses the paths of some nodes and changes those of others.

        Both are registered in one step, so that a later change only ever waits for an earlier one.
        """
        me = self._ident()
        with self._moved:
            self._moved.wait_for(lambda: not self._blocked(me, uses + changes) and not self._covered(me, changes))
            self._running[me] = uses
            if not changes:
                return
            self._changing[me] = changes
            self._moved.wait_for(lambda: not self._busy(me, changes))

    def _covered(self, me: int, changes: _Nodes) -> bool:
        """Whether an earlier change works below what this one wants to change."""
        return any(_overlap(nodes, changes) for who, nodes in self._changing.items() if who != me)

    def _busy(self, me: int, changes: _Nodes) -> bool:
        return any(_overlap(nodes, changes) for who, nodes in list(self._running.items()) if who != me)

    def leave(self) -> None:
        """End this thread's operation, whatever it was."""
        me = self._ident()
        self._running.pop(me, None)
        if self._changing:
            with self._moved:
                self._changing.pop(me, None)
                self._moved.notify_all()
