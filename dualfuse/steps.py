"""The steps of a parity run: what can be done to a directory, and what can be seen of it afterwards."""

import errno
import hashlib
import os
import random
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("a", "b", "c", "dir", "sub", "long" + "g" * 60, "ünï", "x y")
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EROFS, errno.EPERM})
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
    """One directory with the files that the sequence holds open in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, int] = {}

    def run(self, step: Step) -> Any:
        """Run a step; gives its result, or the name of its errno."""
        try:
            return _ACTIONS[step.kind](self, self.root / step.path, step)
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, str(error.errno))

    def hold(self, path: Path, name: str) -> int:
        """Open a file and keep it open until it is closed by a later step."""
        self.drop(name)
        descriptor = os.open(path, os.O_RDWR)
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
        for name in list(self._open):
            self.drop(name)


def _data(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest() * (number % 400 + 1)


def _write(_side: Side, path: Path, step: Step) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        return os.pwrite(descriptor, _data(step.number), step.number % 9000)
    finally:
        os.close(descriptor)


def _append(_side: Side, path: Path, step: Step) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        return os.write(descriptor, _data(step.number))
    finally:
        os.close(descriptor)


def _replace(_side: Side, path: Path, step: Step) -> int:
    return path.write_bytes(_data(step.number))


def _exclusive(_side: Side, path: Path, _step: Step) -> int:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return 0


def _content(descriptor: int, size: int, offset: int) -> dict[str, Any]:
    """What a descriptor reads, with the link count, by which a known difference is recognised."""
    data = os.pread(descriptor, size, offset)
    return {"hash": hashlib.sha256(data).hexdigest(), "size": len(data), "links": os.fstat(descriptor).st_nlink}


def _read(_side: Side, path: Path, step: Step) -> dict[str, Any]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return _content(descriptor, 5000, step.number % 9000)
    finally:
        os.close(descriptor)


def _hold(side: Side, path: Path, step: Step) -> int:
    return side.hold(path, NAMES[step.number % 3])


def _held_write(side: Side, _path: Path, step: Step) -> int:
    return os.pwrite(side.held(NAMES[step.number % 3]), _data(step.number), step.number % 5000)


def _held_read(side: Side, _path: Path, step: Step) -> dict[str, Any]:
    return _content(side.held(NAMES[step.number % 3]), 100_000, 0)


def _held_status(side: Side, _path: Path, step: Step) -> dict[str, int]:
    status = os.fstat(side.held(NAMES[step.number % 3]))
    return {"type": stat.S_IFMT(status.st_mode), "size": status.st_size, "links": status.st_nlink}


def _held_truncate(side: Side, _path: Path, step: Step) -> int:
    os.ftruncate(side.held(NAMES[step.number % 3]), step.number % 3000)
    return 0


def _let_go(side: Side, _path: Path, step: Step) -> int:
    side.drop(NAMES[step.number % 3])
    return 0


def _truncate(_side: Side, path: Path, step: Step) -> int:
    os.truncate(path, step.number % 10_000)
    return 0


def _times(_side: Side, path: Path, step: Step) -> int:
    os.utime(path, (_TIME + step.number, _TIME + 2 * step.number), follow_symlinks=False)
    status = path.lstat()
    return int(status.st_mtime)


def _mode(_side: Side, path: Path, step: Step) -> int:
    # its owner can always go on, whoever runs the suite
    path.chmod((0o700 if path.is_dir() else 0o600) | (step.number & 0o077))
    return 0


def _symlink(_side: Side, path: Path, step: Step) -> int:
    path.symlink_to(step.other)
    return 0


def _set_attribute(_side: Side, path: Path, step: Step) -> int:
    os.setxattr(path, f"user.{step.number % 3}", _data(step.number)[:100], follow_symlinks=False)
    return 0


def _remove_attribute(_side: Side, path: Path, step: Step) -> int:
    os.removexattr(path, f"user.{step.number % 3}", follow_symlinks=False)
    return 0


def _nothing(action: Callable[[Path, Path], object]) -> Callable[[Side, Path, Step], int]:
    """Make an action on two paths of one that gives nothing to compare."""

    def run(side: Side, path: Path, step: Step) -> int:
        action(path, side.root / step.other)
        return 0

    return run


_ACTIONS: dict[str, Callable[[Side, Path, Step], Any]] = {
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
    "mkdir": _nothing(lambda path, _other: path.mkdir()),
    "rmdir": _nothing(lambda path, _other: path.rmdir()),
    "unlink": _nothing(lambda path, _other: path.unlink()),
    "rename": _nothing(lambda path, other: path.replace(other)),
    "link": _nothing(lambda path, other: other.hardlink_to(path)),
    "readlink": lambda _side, path, _step: str(path.readlink()),
    "status": lambda _side, path, _step: describe(path),
    "access": lambda _side, path, step: os.access(path, step.number & 7),
}
KINDS: tuple[str, ...] = tuple(_ACTIONS)


def supported(kind: str, directory: Path) -> bool:
    """Try a kind of step on files of its own and tell whether the file system has it at all."""
    place = Path(tempfile.mkdtemp(prefix="parity-try-", dir=directory))
    side = Side(place)
    try:
        (place / "a").write_bytes(b"a")
        (place / "b").mkdir()
        side.hold(place / "a", NAMES[0])
        target = {"rmdir": "b", "mkdir": "new", "symlink": "new", "exclusive": "new"}.get(kind, "a")
        result = side.run(Step(kind, target, "new2", 0))
    except OSError:
        return False
    finally:
        side.close()
        # a file that somebody else still has open goes when they close it, under a name libfuse gave it
        shutil.rmtree(place, ignore_errors=True)
    return not (isinstance(result, str) and result in {errno.errorcode[number] for number in _UNSUPPORTED})


def choose(generator: random.Random, kinds: list[str], side: Side) -> Step:
    """Choose the next step; known paths of a side are preferred, so that most steps find what they work on."""
    known = sorted(str(path.relative_to(side.root)) for path in side.root.rglob("*"))
    directories = ["", *(path for path in known if (side.root / path).is_dir() and path.count("/") < 3)]

    def some_path() -> str:
        if known and generator.random() < 0.6:
            return generator.choice(known)
        return str(Path(generator.choice(directories), generator.choice(NAMES)))

    step = Step(generator.choice(kinds), some_path(), some_path(), generator.randrange(100_000))
    path, other = side.root / step.path, side.root / step.other
    if step.kind == "rename" and path.exists() and other.exists() and path.samefile(other):
        # nothing happens, by POSIX; libfuse2's kernel side drops one of the names (see dualfuse.differences)
        return Step("status", step.path)
    return step


def describe(path: Path) -> dict[str, Any]:
    """What a user sees of one path, without what differs between any two file systems (inode, device, own times)."""
    status = path.lstat()
    mode = status.st_mode
    seen: dict[str, Any] = {"mode": f"{mode:o}", "owner": (status.st_uid, status.st_gid)}
    if stat.S_ISREG(mode):
        seen |= {"size": status.st_size, "links": status.st_nlink, "hash": _hash(path)}
    if stat.S_ISLNK(mode):
        seen["target"] = str(path.readlink())
    try:
        names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith("user.")]
        seen["attributes"] = {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in sorted(names)}
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        seen["attributes"] = {}
    return seen


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except PermissionError:
        return "unreadable"


def tree(root: Path) -> dict[str, Any]:
    """Describe everything below a directory, without the names under which libfuse keeps unlinked open files."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        if not path.name.startswith(".fuse_hidden"):
            try:
                found[str(path.relative_to(root))] = describe(path)
            except OSError as error:
                found[str(path.relative_to(root))] = errno.errorcode.get(error.errno or 0, "?")
    return found
