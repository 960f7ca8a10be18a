"""The inode table against a plain model: paths, lookup counts, renames, hard links, and what is let go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dualfuse.inodes import ROOT, InodeTable, Node

NAMES = st.sampled_from(["a", "b", "c", "d"])


class Model(RuleBasedStateMachine):
    """Every node that the kernel holds has the path that a dictionary of names says."""

    def __init__(self) -> None:
        super().__init__()
        self.table = InodeTable()
        self.tree: dict[str, int] = {"/": ROOT}  # path: inode, of everything the kernel knows by name
        self.counts: dict[int, int] = {}
        self.opens: dict[int, int] = {}

    def _join(self, parent: str, name: str) -> str:
        return f"{parent.rstrip('/')}/{name}"

    def _known(self) -> list[str]:
        """Paths that the kernel may use as parents: it holds a directory while it knows anything in it."""
        return sorted(path for path, inode in self.tree.items() if inode == ROOT or inode in self.counts)

    def _node(self, path: str) -> Node:
        return self.table[self.tree[path]]

    @rule(data=st.data(), name=NAMES)
    def lookup(self, data: st.DataObject, name: str) -> None:
        parent = data.draw(st.sampled_from(self._known()))
        path = self._join(parent, name)
        node = self.table.remember(self._node(parent), name, {"st_nlink": 1})
        assert self.tree.setdefault(path, node.id) == node.id
        self.counts[node.id] = self.counts.get(node.id, 0) + 1

    @rule(data=st.data(), name=NAMES)
    def rename(self, data: st.DataObject, name: str) -> None:
        old = data.draw(st.sampled_from(sorted(self.tree)))
        parent = data.draw(st.sampled_from(self._known()))
        new = self._join(parent, name)
        if old == "/" or parent == old or parent.startswith(old + "/") or old == new or old.startswith(new + "/"):
            return
        head, _, tail = old.rpartition("/")
        self.table.rename(self._node(head or "/"), tail, self._node(parent), name)
        moved = {path: inode for path, inode in self.tree.items() if path == old or path.startswith(old + "/")}
        gone = [path for path in self.tree if path == new or path.startswith(new + "/")]
        for path in [*moved, *gone]:
            self.tree.pop(path, None)
        self.tree |= {new + path[len(old) :]: inode for path, inode in moved.items()}

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.tree)))
        if path == "/" or any(other.startswith(path + "/") for other in self.tree):
            return
        head, _, tail = path.rpartition("/")
        self.table.remove(self._node(head or "/"), tail)
        del self.tree[path]

    @precondition(lambda self: self.counts)
    @rule(data=st.data())
    def forget_all_of_one(self, data: st.DataObject) -> None:
        inode = data.draw(st.sampled_from(sorted(self.counts)))
        if any(path != "/" and self.tree.get(path.rpartition("/")[0] or "/") == inode for path in self.tree):
            return  # the kernel forgets children first
        self.table.forget([(inode, self.counts.pop(inode))])
        if not self.opens.get(inode):
            self.tree = {path: each for path, each in self.tree.items() if each != inode}

    @precondition(lambda self: self.counts)
    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        inode = data.draw(st.sampled_from(sorted(self.counts)))
        self.table.opened(self.table[inode])
        self.opens[inode] = self.opens.get(inode, 0) + 1

    @precondition(lambda self: any(self.opens.values()))
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        inode = data.draw(st.sampled_from(sorted(each for each, count in self.opens.items() if count)))
        self.table.closed(self.table[inode])
        self.opens[inode] -= 1
        if not self.opens[inode] and inode not in self.counts and not self._has_children(inode):
            self.tree = {path: each for path, each in self.tree.items() if each != inode}

    def _has_children(self, inode: int) -> bool:
        return any(path != "/" and self.tree.get(path.rpartition("/")[0] or "/") == inode for path in self.tree)

    @invariant()
    def paths_agree(self) -> None:
        for path, inode in self.tree.items():
            assert self.table.path(self.table[inode]) == path

    @invariant()
    def nothing_else_is_kept(self) -> None:
        held = {ROOT} | set(self.counts) | {inode for inode, count in self.opens.items() if count}
        kept = set(self.table.nodes)
        assert held <= kept
        for inode in kept - held:
            assert self.table[inode].children, "a node that nothing holds and that holds nothing"


Model.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
test_against_a_model = Model.TestCase


def _file(inode: int, links: int = 2) -> dict[str, int]:
    return {"st_nlink": links, "st_ino": inode, "st_dev": 9, "st_mode": 0o100644}


def test_hard_links_share_a_node_only_when_device_and_inode_prove_it() -> None:
    table = InodeTable()
    first = table.remember(table.root, "first", _file(5))
    assert table.remember(table.root, "second", _file(5)) is first
    assert table.remember(table.root, "other", _file(6)) is not first
    without_device = {"st_nlink": 2, "st_ino": 5, "st_mode": 0o100644}
    assert table.remember(table.root, "unproved", without_device) is not first


def test_a_hard_linked_node_keeps_a_path_while_one_name_is_left() -> None:
    table = InodeTable()
    directory = table.remember(table.root, "d")
    node = table.remember(table.root, "first")
    table.link(node, directory, "second")
    table.remove(table.root, "first")
    assert table.path(node) == "/d/second"
    table.remove(directory, "second")
    with pytest.raises(FileNotFoundError):
        table.path(node)


def test_an_inode_that_the_kernel_forgot_is_stale() -> None:
    table = InodeTable()
    node = table.remember(table.root, "a")
    table.forget([(node.id, 1)])
    with pytest.raises(OSError, match="forgotten"):
        table[node.id]


@given(st.integers(min_value=1, max_value=6000))
@settings(max_examples=10, deadline=None)
def test_forgetting_everything_leaves_the_root_alone(count: int) -> None:
    table = InodeTable()
    directory = table.remember(table.root, "d")
    nodes = [table.remember(directory, f"n{number}") for number in range(count)]
    table.forget([(node.id, 1) for node in [*nodes, directory]])
    assert set(table.nodes) == {ROOT}
    assert not table.root.children


@pytest.mark.parametrize("device", [None, 7])
def test_a_name_that_another_mount_gave_to_another_file_leaves_its_node(device: int | None) -> None:
    table = InodeTable()

    def seen(number: int, links: int) -> dict[str, int]:
        return {"st_mode": 0o100644, "st_ino": number, "st_nlink": links} | (
            {} if device is None else {"st_dev": device}
        )

    first = table.remember(table.root, "first", seen(5, 1))
    assert table.link(first, table.root, "second", 5) is first
    assert table.remember(table.root, "second", seen(5, 2)) is first
    assert table.path(first) == "/second"  # the name that was just seen to lead there
    other = table.remember(table.root, "second", seen(6, 1))
    assert other is not first
    assert (table.path(first), table.path(other)) == ("/first", "/second")
    assert table.remember(table.root, "first", seen(5, 1)) is first


def test_without_inode_numbers_a_file_with_one_link_is_not_the_one_that_had_two() -> None:
    table = InodeTable()
    first = table.remember(table.root, "first", {"st_nlink": 1})
    table.link(first, table.root, "second")
    assert table.remember(table.root, "second", {"st_nlink": 2}) is first
    assert table.remember(table.root, "second", {"st_nlink": 1}) is not first
