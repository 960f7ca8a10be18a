"""The steps of a parity run: what can be done to a directory, and what each step gives to compare."""

# ruff: noqa: PTH101, PTH102, PTH106, PTH108, PTH112, PTH115, PTH211 - strings and system calls: run a million times

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualfuse.trees import HIDDEN, UNSUPPORTED, describe

NAMES = ("a", "b", "c", "dir", "sub", "long" + "g" * 60, "ünï", "x y")
MAKING = frozenset({"mkdir", "symlink", "exclusive", "pipe"})  # what wants a name that is free
_TIME = 1_600_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on relative paths, with numbers that say what data to use."""

    kind: str
    path: str
    other: str = ""
    number: int = 0

    def __str__(self) -> str:
        other = f" -> {self.other}" if self.other else ""
        return f"{self.kind} {self.path}{other} ({self.number})"


class Side:
    """One directory with the files that the sequence holds open in it.

    Paths begin at a descriptor, so that the names above the directory are not looked up again and again.
    """

    def __init__(self, root: str | Path) -> None:
        self._directory = os.open(root, os.O_PATH | os.O_DIRECTORY)
        self.root = f"/proc/self/fd/{self._directory}"
        self._open: dict[str, int] = {}

    def at(self, path: str) -> str:
        """Give a path of this side by which the system finds it."""
        return f"{self.root}/{path}"

    def run(self, step: Step) -> Any:
        """Run a step; gives its result, or the name of its errno."""
        try:
            return _ACTIONS[step.kind](self, self.at(step.path), step)
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, str(error.errno))

    def hold(self, path: str, name: str) -> int:
        """Open a file and keep it open until it is closed by a later step."""
        self.drop(name)
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # a pipe would wait for its other end
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # the kernel serves it, and forgets it with its name
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file")
        self._open[name] = descriptor
        return 0

    def drop(self, name: str) -> None:
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)

    def held(self, name: str) -> int:
        """Give the descriptor of a held file. Raises OSError (EBADF) when there is none."""
        if name not in self._open:
            raise OSError(errno.EBADF, "not held")
        return self._open[name]

    def close(self) -> None:
        """Let go of everything."""
        for name in list(self._open):
            self.drop(name)
        os.close(self._directory)


def _data(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest() * (number % 400 + 1)


def _write(_side: Side, path: str, step: Step) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o644)
    try:
        return os.pwrite(descriptor, _data(step.number), step.number % 9000)
    finally:
        os.close(descriptor)


def _append(_side: Side, path: str, step: Step) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    try:
        return os.write(descriptor, _data(step.number))
    finally:
        os.close(descriptor)


def _replace(_side: Side, path: str, step: Step) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o644)
    try:
        return os.write(descriptor, _data(step.number))
    finally:
        os.close(descriptor)


def _exclusive(_side: Side, path: str, _step: Step) -> int:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return 0


def _content(descriptor: int, size: int, offset: int) -> dict[str, Any]:
    """What a descriptor reads, with the link count, by which a known difference is recognised."""
    data = os.pread(descriptor, size, offset)
    return {"hash": hashlib.sha256(data).hexdigest(), "size": len(data), "links": os.fstat(descriptor).st_nlink}


def _read(_side: Side, path: str, step: Step) -> dict[str, Any]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return _content(descriptor, 5000, step.number % 9000)
    finally:
        os.close(descriptor)


def _hold(side: Side, path: str, step: Step) -> int:
    return side.hold(path, NAMES[step.number % 3])


def _held_write(side: Side, _path: str, step: Step) -> int:
    return os.pwrite(side.held(NAMES[step.number % 3]), _data(step.number), step.number % 5000)


def _held_read(side: Side, _path: str, step: Step) -> dict[str, Any]:
    return _content(side.held(NAMES[step.number % 3]), 100_000, 0)


def _held_status(side: Side, _path: str, step: Step) -> dict[str, int]:
    status = os.fstat(side.held(NAMES[step.number % 3]))
    return {"type": stat.S_IFMT(status.st_mode), "size": status.st_size, "links": status.st_nlink}


def _held_truncate(side: Side, _path: str, step: Step) -> int:
    os.ftruncate(side.held(NAMES[step.number % 3]), step.number % 3000)
    return 0


def _let_go(side: Side, _path: str, step: Step) -> int:
    side.drop(NAMES[step.number % 3])
    return 0


def _truncate(_side: Side, path: str, step: Step) -> int:
    os.truncate(path, step.number % 10_000)
    return 0


def _times(_side: Side, path: str, step: Step) -> int:
    os.utime(path, (_TIME + step.number, _TIME + 2 * step.number), follow_symlinks=False)
    return int(os.lstat(path).st_mtime)


def _mode(_side: Side, path: str, step: Step) -> int:
    # its owner can always go on, whoever runs the suite
    os.chmod(path, (0o700 if os.path.isdir(path) else 0o600) | (step.number & 0o077))
    return 0


def _symlink(_side: Side, path: str, step: Step) -> int:
    os.symlink(step.other, path)
    return 0


def _owner(_side: Side, path: str, step: Step) -> int:
    os.chown(path, step.number % 3, step.number % 5, follow_symlinks=False)
    return 0


def _sync(side: Side, _path: str, step: Step) -> int:
    os.fsync(side.held(NAMES[step.number % 3]))
    return 0


def _listing(_side: Side, path: str, _step: Step) -> list[tuple[str, bool, bool]]:
    with os.scandir(path) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink()) for entry in entries]
    return sorted(each for each in found if not each[0].startswith(HIDDEN))


def _set_attribute(_side: Side, path: str, step: Step) -> int:
    os.setxattr(path, f"user.{step.number % 3}", _data(step.number)[:100], follow_symlinks=False)
    return 0


def _remove_attribute(_side: Side, path: str, step: Step) -> int:
    os.removexattr(path, f"user.{step.number % 3}", follow_symlinks=False)
    return 0


def _nothing(action: Callable[[str, str], object]) -> Callable[[Side, str, Step], int]:
    """Make an action on two paths of one that gives nothing to compare."""

    def run(side: Side, path: str, step: Step) -> int:
        action(path, side.at(step.other))
        return 0

    return run


_ACTIONS: dict[str, Callable[[Side, str, Step], Any]] = {
    "write": _write,
    "append": _append,
    "replace": _replace,
    "exclusive": _exclusive,
    "read": _read,
    "hold": _hold,
    "held_write": _held_write,
    "held_read": _held_read,
    "held_status": _held_status,
    "held_truncate": _held_truncate,
    "let_go": _let_go,
    "truncate": _truncate,
    "times": _times,
    "mode": _mode,
    "symlink": _symlink,
    "set_attribute": _set_attribute,
    "remove_attribute": _remove_attribute,
    "owner": _owner,
    "sync": _sync,
    "list": _listing,
    "mkdir": _nothing(lambda path, _other: os.mkdir(path)),
    "rmdir": _nothing(lambda path, _other: os.rmdir(path)),
    "unlink": _nothing(lambda path, _other: os.unlink(path)),
    "rename": _nothing(os.replace),
    "link": _nothing(os.link),
    "pipe": _nothing(lambda path, _other: os.mkfifo(path, 0o640)),
    "readlink": lambda _side, path, _step: os.readlink(path),
    "status": lambda _side, path, _step: describe(path),
    "access": lambda _side, path, step: os.access(path, step.number & 7),
}
KINDS: tuple[str, ...] = tuple(_ACTIONS)


def supported(kind: str, directory: str | Path) -> bool:
    """Try a kind of step on files of its own and tell whether the file system has it at all."""
    place = Path(tempfile.mkdtemp(prefix="parity-try-", dir=directory))
    side = Side(place)
    try:
        (place / "a").write_bytes(b"a")
        (place / "b").mkdir()
        side.hold(side.at("a"), NAMES[0])
        target = {"rmdir": "b", "list": "b"}.get(kind, "new" if kind in MAKING else "a")
        result = side.run(Step(kind, target, "new2", 0))
    except OSError:
        return False
    finally:
        side.close()
        # a file that somebody else still has open goes when they close it, under a name libfuse gave it
        shutil.rmtree(place, ignore_errors=True)
    return not (isinstance(result, str) and result in {errno.errorcode[number] for number in UNSUPPORTED})
