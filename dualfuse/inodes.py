"""Paths and inode numbers: what the kernel holds by number, the file system knows by path.

A node lives as long as the kernel remembers it (its lookup count), as long as it is open, or as long as a child lives.
Nothing else keeps it, so the table is bounded by what the kernel holds. Threading rule: every public method takes the
table's lock; none of them calls user code.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Mapping
from typing import Any

from dualfuse.allocator import give_back

ROOT = 1
_Key = tuple[int, int]


class Node:
    """One file or directory that the kernel knows by number."""

    __slots__ = (
        "children",
        "hidden",
        "id",
        "key",
        "looked_up",
        "lookups",
        "name",
        "names",
        "number",
        "opens",
        "parent",
        "prefix",
    )  # fmt: skip

    def __init__(self, id: int, parent: Node | None, name: str) -> None:  # noqa: A002 - its name in FUSE
        self.id = id
        self.parent = parent  # None: the root, or a node whose last name is gone
        self.name = name
        self.children: dict[str, Node] | None = None
        self.names: dict[tuple[int, str], Node] | None = None  # all names of a hard-linked file, with their parents
        self.key: _Key | None = None  # (st_dev, st_ino) of a hard-linked file
        self.number = 0  # st_ino of a file that has or had several names; 0 where the class gives none
        self.prefix: str | None = None  # "/path/of/this/directory/", cached until a rename
        self.lookups = 0
        self.opens = 0
        self.hidden = False  # unlinked while open, living on under a .fuse_hidden name
        self.looked_up = 0  # lookups of children, counted by the listing policy

    def is_within(self, ancestor: Node) -> bool:
        """Whether this node is the other one or lies below it."""
        node: Node | None = self
        while node is not None:
            if node is ancestor:
                return True
            node = node.parent
        return False


class InodeTable:
    """All nodes by number, and the tree of their names."""

    def __init__(self) -> None:
        self.root = Node(ROOT, None, "")
        self.root.prefix = "/"
        self.nodes: dict[int, Node] = {ROOT: self.root}
        self._by_key: dict[_Key, Node] = {}
        self._next = ROOT + 1
        self._largest = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, inode: int) -> Node:
        try:
            return self.nodes[inode]
        except KeyError:
            raise OSError(errno.ESTALE, "the kernel asked for an inode that it had forgotten") from None

    def path(self, node: Node) -> str:
        """Give the path of a node. Raises FileNotFoundError when its last name is gone."""
        parent = node.parent
        if parent is None:
            if node is self.root:
                return "/"
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return (parent.prefix or self._prefix(parent)) + node.name

    def path_in(self, parent: Node, name: str) -> str:
        """Give the path of a name in a directory, whether or not the name is known."""
        return (parent.prefix or self._prefix(parent)) + name

    def _prefix(self, node: Node) -> str:
        node.prefix = self.path(node) + "/"
        return node.prefix

    def child(self, parent: Node, name: str) -> Node | None:
        """Give the node behind a name, if the kernel knows it."""
        return parent.children.get(name) if parent.children else None

    def remember(self, parent: Node, name: str, attributes: Mapping[str, Any] | None = None, lookups: int = 1) -> Node:
        """Count a name that the kernel is told about, and give its node.

        Names of one hard-linked file share a node where the attributes prove it: st_nlink above 1 and both st_dev and
        st_ino given. They part again where another mount of the same files gave one of the names to another file.
        """
        with self._lock:
            node = parent.children.get(name) if parent.children else None
            if node is not None and attributes is not None and (node.names is not None or node.key is not None):
                if self._is_another(node, attributes):
                    self._unname(node, parent, name)
                    self._reap(node)
                    node = None
                elif node.parent is parent:  # in one step, for others are just reading its path
                    node.name = name  # was just seen to lead to the file; its other names may not any more
            if node is None:
                node = self._new(parent, name, attributes)
            node.lookups += lookups
            return node

    @staticmethod
    def _is_another(node: Node, attributes: Mapping[str, Any]) -> bool:
        number = attributes.get("st_ino")
        if number and node.number:
            return bool(number != node.number)
        return len(node.names or ()) > 1 and attributes.get("st_nlink", 1) <= 1

    def _new(self, parent: Node, name: str, attributes: Mapping[str, Any] | None) -> Node:
        key: _Key | None = None
        if attributes is not None and attributes.get("st_nlink", 1) > 1 and attributes.get("st_ino"):
            device = attributes.get("st_dev")
            if device is not None and not stat.S_ISDIR(attributes.get("st_mode", 0)):
                key = (device, attributes["st_ino"])
                known = self._by_key.get(key)
                if known is not None and known.parent is not None:
                    self._add_name(known, parent, name)
                    return known
        node = Node(self._next, parent, name)
        self._next += 1
        self.nodes[node.id] = node
        if parent.children is None:
            parent.children = {}
        parent.children[name] = node
        if key is not None:
            self._by_key[key] = node
            node.key, node.number = key, key[1]
        return node

    def link(self, node: Node, parent: Node, name: str, number: int = 0) -> Node:
        """Give a node another name and count that the kernel was told about it; ``number`` is the file's st_ino."""
        with self._lock:
            self._add_name(node, parent, name)
            node.number = number
            node.lookups += 1
            return node

    def _add_name(self, node: Node, parent: Node, name: str) -> None:
        if node.names is None:
            node.names = {}
            if node.parent is not None:
                node.names[(node.parent.id, node.name)] = node.parent
        if node.parent is None:
            node.parent, node.name = parent, name
        node.names[(parent.id, name)] = parent
        if parent.children is None:
            parent.children = {}
        parent.children[name] = node

    def remove(self, parent: Node, name: str) -> None:
        """Forget a name that was unlinked, removed or overwritten; the node stays while it is held."""
        with self._lock:
            node = parent.children.get(name) if parent.children else None
            if node is not None:
                self._unname(node, parent, name)
                self._reap(node)

    def _unname(self, node: Node, parent: Node, name: str) -> None:
        if parent.children is not None:
            parent.children.pop(name, None)
        if node.names is not None:
            node.names.pop((parent.id, name), None)
        if node.parent is parent and node.name == name:
            if node.names:
                (_, node.name), node.parent = next(iter(node.names.items()))
            else:
                node.parent = None
            self._forget_prefixes(node)

    def rename(self, parent: Node, name: str, new_parent: Node, new_name: str) -> None:
        """Move a name, with everything below it; what had the new name loses it."""
        with self._lock:
            node = parent.children.get(name) if parent.children else None
            target = new_parent.children.get(new_name) if new_parent.children else None
            if target is not None and target is not node:
                self._unname(target, new_parent, new_name)
                self._reap(target)
            if node is None or target is node:
                return
            primary = node.parent is parent and node.name == name
            if parent.children is not None:
                parent.children.pop(name, None)
            if new_parent.children is None:
                new_parent.children = {}
            new_parent.children[new_name] = node
            if node.names is not None:
                node.names.pop((parent.id, name), None)
                node.names[(new_parent.id, new_name)] = new_parent
            if primary:
                node.parent, node.name = new_parent, new_name
                self._forget_prefixes(node)
            self._reap(parent)

    def _forget_prefixes(self, node: Node) -> None:
        stack = [node]
        while stack:
            directory = stack.pop()
            directory.prefix = None
            if directory.children:
                stack += [child for child in directory.children.values() if child.prefix or child.children]

    def opened(self, node: Node) -> None:
        """Count an open file or directory handle."""
        with self._lock:
            node.opens += 1

    def closed(self, node: Node) -> None:
        """Uncount a handle; the node goes when nothing else holds it."""
        with self._lock:
            node.opens -= 1
            self._reap(node)

    def forget(self, forgotten: list[tuple[int, int]]) -> None:
        """Take back lookup counts, as (inode, count) pairs; empties the list, which may be as large as the table."""
        with self._lock:
            while forgotten:
                inode, count = forgotten.pop()
                node = self.nodes.get(inode)
                if node is not None:
                    node.lookups -= count
                    self._reap(node)
            shrunk = self._shrink()
        if shrunk:
            give_back()

    def _reap(self, node: Node) -> None:
        """Drop a node that nothing holds, and then its parents for the same reason."""
        current: Node | None = node
        while current is not None and current is not self.root:
            if current.lookups > 0 or current.opens > 0 or current.children:
                return
            parent = current.parent
            if self.nodes.pop(current.id, None) is None:
                return
            if current.key is not None and self._by_key.get(current.key) is current:
                del self._by_key[current.key]
            if current.names is not None:
                for (_, name), directory in list(current.names.items()):
                    if directory.children is not None and directory.children.get(name) is current:
                        del directory.children[name]
                        if directory is not parent:
                            self._reap(directory)
            elif parent is not None and parent.children is not None and parent.children.get(current.name) is current:
                del parent.children[current.name]
            current.children = None
            current = parent

    def _shrink(self) -> bool:
        """Make a large table that has emptied small again: a Python dictionary never shrinks by deleting."""
        size = len(self.nodes)
        if size > self._largest:
            self._largest = size
        elif self._largest > 4096 and size * 4 < self._largest:
            self.nodes = dict(self.nodes)
            self._by_key = dict(self._by_key)
            for node in self.nodes.values():
                if node.children is not None:
                    node.children = dict(node.children) or None
            self._largest = size
            return True
        return False
