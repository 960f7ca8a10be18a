"""pyfuse3's requests that work on names, translated into calls of a path-based Operations object.

Threading rule: plain blocking functions, run by whichever thread the loop chooses, several at a time. Each takes path
locks for the nodes whose paths it uses; ``answering`` gives them back and turns every failure into a FUSEError.
The order of calls is that of libfuse2's high-level layer, so that a class sees on libfuse3 what it saw on libfuse2.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from dualfuse.attributes import AttributeFiller
from dualfuse.context import CALLER, Caller
from dualfuse.guard import Guard
from dualfuse.inodes import InodeTable, Node
from dualfuse.operations import OPERATIONS
from dualfuse.pathlocks import PathLocks

_decode = os.fsdecode
_encode = os.fsencode
_HIDING = 10  # names that are tried for a file that is removed while it is open, as in libfuse2


def _missing(name: str) -> Callable[..., Any]:
    """What stands for an operation that the class does not have."""

    def missing(*_: Any) -> Any:
        raise OSError(errno.ENOSYS, name)

    return missing


class NameRequests:
    """What surrounds every request of a mount, and the handlers of those that name a file."""

    def __init__(
        self,
        pyfuse3: Any,
        operations: Guard,
        filler: AttributeFiller,
        *,
        negative_timeout: float = 0.0,
        hard_remove: bool = False,
    ) -> None:
        self._pyfuse3 = pyfuse3
        self._error = pyfuse3.FUSEError
        self._operations = operations
        self._ops: Any = operations  # its operations are attributes made at run time; None for those it has not
        self.do: Any = SimpleNamespace(**{n: getattr(operations, n) or _missing(n) for n in OPERATIONS})
        self._attributes = filler
        self._negative_timeout = negative_timeout
        self._hard_remove = hard_remove
        self.inodes = InodeTable()
        self.locks = PathLocks()
        self._hidden = 0
        # Asking for what only a base class answers costs a request each time; ENOSYS tells the kernel not to ask again.
        self._skips = {n for n in ("flush", "access", "getxattr") if not operations.implements(n)}

    # -- what surrounds every request

    def answering(self) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Give what wraps a handler: it gives its path locks back and raises nothing but FUSEError."""
        error_class, leave, report = self._error, self.locks.leave, self._operations.report

        def answer(handler: Callable[..., Any]) -> Callable[..., Any]:
            def answered(*args: Any) -> Any:
                try:
                    return handler(*args)
                except OSError as error:
                    raise error_class(error.errno or errno.EIO) from None
                except error_class:
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever it is, the mount lives
                    report(handler.__name__, error)
                    raise error_class(errno.EIO) from None
                finally:
                    leave()

            return answered

        return answer

    def _node(self, inode: int, caller: Caller) -> Node:
        CALLER.set(caller)
        node = self.inodes[inode]
        self.locks.enter(node)
        return node

    def _handle_path(self, node: Node) -> str:
        """The path for an operation on a handle; "-" when the file has no name left, as libfuse2 says it."""
        return "-" if node.parent is None and node is not self.inodes.root else self.inodes.path(node)

    def _release(self, path: str, fh: int) -> None:
        if self._ops.release is not None:
            self._ops.release(path, fh)

    def fill(self, attributes: Mapping[str, Any], node: Node) -> Any:
        return self._attributes.fill(attributes, node.id, node.hidden)

    def _learn(self, parent: Node, name: str, path: str, fh: int | None = None) -> Any:
        """Look a name up and tell the kernel about it."""
        attributes = self._ops.getattr(path, fh)
        node = self.inodes.remember(parent, name, attributes)
        try:
            return self.fill(attributes, node)
        except BaseException:
            self.inodes.forget([(node.id, 1)])
            raise

    # -- names

    def lookup(self, inode: int, name: bytes, caller: Caller) -> Any:
        parent = self._node(inode, caller)
        text = _decode(name)
        parent.looked_up += 1
        try:
            return self._learn(parent, text, self.inodes.path_in(parent, text))
        except OSError as error:
            if error.errno == errno.ENOENT and self._negative_timeout > 0:
                entry = self._pyfuse3.EntryAttributes()
                entry.st_ino = 0
                entry.entry_timeout = self._negative_timeout
                return entry
            raise

    def forget(self, forgotten: list[tuple[int, int]]) -> None:
        self.inodes.forget(forgotten)

    def getattr(self, inode: int, caller: Caller) -> Any:
        node = self._node(inode, caller)
        return self.fill(self._ops.getattr(self.inodes.path(node), None), node)

    def readlink(self, inode: int, caller: Caller) -> bytes:
        return _encode(self.do.readlink(self.inodes.path(self._node(inode, caller))))

    def access(self, inode: int, mask: int, caller: Caller) -> bool:
        if "access" in self._skips:
            raise OSError(errno.ENOSYS, "access")
        self.do.access(self.inodes.path(self._node(inode, caller)), mask)
        return True

    def mknod(self, inode: int, name: bytes, mode: int, rdev: int, caller: Caller) -> Any:
        parent = self._node(inode, caller)
        text = _decode(name)
        path = self.inodes.path_in(parent, text)
        if stat.S_ISREG(mode) and self._ops.create is not None:
            try:
                fh = self._ops.create(path, mode)
            except OSError as error:
                if error.errno != errno.ENOSYS:
                    raise
            else:
                try:
                    return self._learn(parent, text, path, fh)
                finally:
                    self._release(path, fh)
        self.do.mknod(path, mode, rdev)
        return self._learn(parent, text, path)

    def mkdir(self, inode: int, name: bytes, mode: int, caller: Caller) -> Any:
        parent = self._node(inode, caller)
        text = _decode(name)
        path = self.inodes.path_in(parent, text)
        self.do.mkdir(path, stat.S_IMODE(mode))
        return self._learn(parent, text, path)

    def symlink(self, inode: int, name: bytes, target: bytes, caller: Caller) -> Any:
        parent = self._node(inode, caller)
        text = _decode(name)
        path = self.inodes.path_in(parent, text)
        self.do.symlink(path, _decode(target))
        return self._learn(parent, text, path)

    def link(self, inode: int, parent_inode: int, name: bytes, caller: Caller) -> Any:
        CALLER.set(caller)
        source, parent = self.inodes[inode], self.inodes[parent_inode]
        self.locks.enter(source, parent)
        text = _decode(name)
        path = self.inodes.path_in(parent, text)
        self.do.link(path, self.inodes.path(source))
        attributes = self._ops.getattr(path, None)
        # A class that copies instead of linking has not given the file a second name.
        linked = attributes.get("st_nlink", 0) > 1
        if linked:
            return self.fill(attributes, self.inodes.link(source, parent, text, attributes.get("st_ino", 0)))
        return self.fill(attributes, self.inodes.remember(parent, text))

    def unlink(self, inode: int, name: bytes, caller: Caller) -> None:
        CALLER.set(caller)
        parent, text = self.inodes[inode], _decode(name)
        node = self.inodes.child(parent, text)
        self.locks.change((parent,), () if node is None else (node,))
        if node is not None and self._must_hide(node):
            self._hide(node, parent, text)
            return
        self.do.unlink(self.inodes.path_in(parent, text))
        self.inodes.remove(parent, text)

    def rmdir(self, inode: int, name: bytes, caller: Caller) -> None:
        CALLER.set(caller)
        parent, text = self.inodes[inode], _decode(name)
        node = self.inodes.child(parent, text)
        self.locks.change((parent,), () if node is None else (node,))
        self.do.rmdir(self.inodes.path_in(parent, text))
        self.inodes.remove(parent, text)

    def rename(self, inode: int, name: bytes, new_inode: int, new_name: bytes, flags: int, caller: Caller) -> None:
        CALLER.set(caller)
        if flags & ~self._pyfuse3.RENAME_NOREPLACE:
            raise OSError(errno.EINVAL, "only RENAME_NOREPLACE is possible")
        parent, new_parent = self.inodes[inode], self.inodes[new_inode]
        text, new_text = _decode(name), _decode(new_name)
        node, target = self.inodes.child(parent, text), self.inodes.child(new_parent, new_text)
        self.locks.change((parent, new_parent), tuple(each for each in (node, target) if each is not None))
        path, new_path = self.inodes.path_in(parent, text), self.inodes.path_in(new_parent, new_text)
        if flags and self._exists(new_path):
            raise OSError(errno.EEXIST, new_path)
        if target is not None and target is not node and self._must_hide(target):
            self._hide(target, new_parent, new_text)
        self.do.rename(path, new_path)
        self.inodes.rename(parent, text, new_parent, new_text)

    def _exists(self, path: str) -> bool:
        try:
            self._ops.getattr(path, None)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def _must_hide(self, node: Node) -> bool:
        """Whether an unlink would take the file from under an open handle that knows it by path."""
        is_open = node.opens > 0 and node.children is None
        return is_open and not self._hard_remove and (node.names is None or len(node.names) < 2)

    def _hide(self, node: Node, parent: Node, name: str) -> None:
        for _ in range(_HIDING):
            self._hidden += 1
            hidden = f".fuse_hidden{node.id:016x}{self._hidden:08x}"
            if not self._exists(self.inodes.path_in(parent, hidden)):
                break
        else:  # a class that has every name
            raise OSError(errno.EBUSY, "no name is free to keep the open file under")
        self.do.rename(self.inodes.path_in(parent, name), self.inodes.path_in(parent, hidden))
        self.inodes.rename(parent, name, parent, hidden)
        node.hidden = True
