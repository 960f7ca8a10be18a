"""Files in memory, gone at the unmount: ``python -m dualfuse mount examples.memory:Memory MNT``.

Nodes are kept by path in one dictionary, which is the shortest thing that works: a rename has to move every path
below. Operations may run side by side, so what changes the dictionary holds a lock.
"""

# ruff: noqa: ARG002 - the arguments are FUSE's

import errno
import os
import stat
import threading
import time
from typing import Any

from dualfuse.operations import FuseOSError, Operations


class Node:
    """One file or directory."""

    def __init__(self, mode: int) -> None:
        self.data = bytearray()
        self.status: dict[str, Any] = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), time.time())
        self.status |= {"st_mode": mode, "st_nlink": 1, "st_uid": os.getuid(), "st_gid": os.getgid()}


class Memory(Operations):
    """Files and directories."""

    def __init__(self) -> None:
        self.nodes = {"/": Node(stat.S_IFDIR | 0o755)}
        self.lock = threading.RLock()

    def find(self, path: str) -> Node:
        try:
            return self.nodes[path]
        except KeyError:
            raise FuseOSError(errno.ENOENT) from None

    def children(self, path: str) -> list[str]:
        start = path.rstrip("/") + "/"
        return [each for each in list(self.nodes) if each.startswith(start) and "/" not in each[len(start) :] != ""]

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        node = self.find(path)
        return node.status | {"st_size": len(node.data)}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(each.rpartition("/")[2] for each in self.children(path))]

    def mkdir(self, path: str, mode: int) -> None:
        self.nodes[path] = Node(stat.S_IFDIR | mode)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        self.nodes[path] = Node(stat.S_IFREG | stat.S_IMODE(mode))
        return 0

    def unlink(self, path: str) -> None:
        with self.lock:
            self.find(path)
            del self.nodes[path]

    def rmdir(self, path: str) -> None:
        with self.lock:
            if self.children(path):
                raise FuseOSError(errno.ENOTEMPTY)
            self.unlink(path)

    def rename(self, old: str, new: str) -> None:
        with self.lock:
            self.find(old)
            if self.children(new):
                raise FuseOSError(errno.ENOTEMPTY)
            for path in [each for each in self.nodes if each == old or each.startswith(old + "/")]:
                self.nodes[new + path[len(old) :]] = self.nodes.pop(path)

    def chmod(self, path: str, mode: int) -> None:
        status = self.find(path).status
        status["st_mode"] = stat.S_IFMT(status["st_mode"]) | stat.S_IMODE(mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        status = self.find(path).status
        status |= {name: number for name, number in (("st_uid", uid), ("st_gid", gid)) if number != -1}

    def utimens(self, path: str, times: tuple[float, float] | None = None) -> None:
        status = self.find(path).status
        status["st_atime"], status["st_mtime"] = times or (time.time(), time.time())

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return bytes(self.find(path).data[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        node = self.find(path)
        with self.lock:
            node.data.extend(bytes(max(0, offset - len(node.data))))
            node.data[offset : offset + len(data)] = data
            node.status["st_mtime"] = time.time()
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        node = self.find(path)
        with self.lock:
            del node.data[length:]
            node.data.extend(bytes(length - len(node.data)))
