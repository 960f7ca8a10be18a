"""A stable path whose file system can be swapped under its users.

``python -m dualfuse.live swap NEW STABLE`` puts what is mounted on NEW onto STABLE, in one step in which every lookup
finds either the old or the new file system; ``… detach PATH`` takes a mount off its path. Each prints one line of JSON.

Methods, best first:

- beneath (root, Linux 6.5): a clone of NEW is attached beneath the visible mount, which is then detached lazily;
- over (root, older kernels): the clone goes over the visible mount, which then goes from under it;
- symlink (anyone): STABLE is a symbolic link, replaced atomically.

Open files, directories and working directories stay with the old file system until they are closed. Nothing here
touches a mounted file system: a dead or hung one is swapped out all the same.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from dualfuse import mountapi
from dualfuse.mounts import Mount, mount_at, resolve, stack_at
from dualfuse.unmounting import detach as unmount_lazily


class SwapError(Exception):
    """A swap or detach that was refused or failed; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Swap:
    """What was done, and how long the change of the path took in seconds."""

    method: str
    seconds: float
    old: str | None  # "major:minor" of the mount that was taken off, or the old target of the link
    new: str


def swap(new: str, stable: str, method: str = "auto") -> Swap:
    """Put the file system mounted on ``new`` onto the path ``stable``.

    ``stable`` may be an empty directory, mounted, dead, a symbolic link, or (symlink method) not exist yet. The mount
    on ``new`` stays where it is; ``new`` may be a symbolic link to it. Raises SwapError.
    """
    new, stable = resolve(new), resolve(stable)
    source = served_by(new)
    if source is None:
        raise SwapError(f"{new} is not a mount", hint="mount the new file system there first")
    methods = _candidates(stable, method)
    refusals = []
    for name in methods:
        try:
            return _METHODS[name](source, new, stable)
        except OSError as error:
            refusals.append(f"{name}: {error.strerror}")
            if error.errno not in {errno.EPERM, errno.ENOSYS, errno.EINVAL, errno.EACCES}:
                break
    raise SwapError(
        f"cannot swap {stable}: {'; '.join(refusals)}",
        hint="run as root (CAP_SYS_ADMIN), or make the stable path a symbolic link",
    )


def _candidates(stable: str, method: str) -> tuple[str, ...]:
    if method not in {"auto", *_METHODS}:
        raise SwapError(f"unknown method {method}", hint=f"use auto, {', '.join(_METHODS)}")
    is_mounted = mount_at(stable) is not None
    is_link = not is_mounted and Path(stable).is_symlink()
    if not is_mounted and not is_link:
        _check_directory(stable, method)
    if method == "symlink":
        if is_mounted:
            raise SwapError(f"{stable} is a mount, not a symbolic link", hint="detach it first, or swap as root")
        return ("symlink",)
    if is_link:
        if method != "auto":
            raise SwapError(f"{stable} is a symbolic link", hint="use the method symlink, or remove the link")
        return ("symlink",)
    if method != "auto":
        return (method,)
    return ("beneath", "over") if is_mounted else ("beneath", "symlink")


def _check_directory(stable: str, method: str) -> None:
    try:
        names = os.listdir(stable)  # noqa: PTH208
    except FileNotFoundError:
        if method in {"auto", "symlink"} and Path(stable).parent.is_dir():
            return
        raise SwapError(f"{stable} does not exist", hint="create the directory first") from None
    except NotADirectoryError:
        raise SwapError(f"{stable} is a file", hint="choose an empty directory") from None
    except OSError as error:
        raise SwapError(f"cannot look at {stable}: {error.strerror}") from error
    if names:
        raise SwapError(
            f"{stable} is a plain directory that is not empty (it holds {names[0]!r})",
            hint="move its contents away, or choose another stable path",
        )


def _beneath(source: Mount, new: str, stable: str) -> Swap:
    return _attach(source, new, stable, "beneath")


def _over(source: Mount, new: str, stable: str) -> Swap:
    return _attach(source, new, stable, "over")


def _attach(source: Mount, new: str, stable: str, method: str) -> Swap:
    old = mount_at(stable)
    clone = mountapi.clone_mount(new)
    try:
        start = time.perf_counter()
        mountapi.move_mount(clone, stable, beneath=old is not None and method == "beneath")
    finally:
        os.close(clone)
    if old is not None:
        if method == "beneath":
            mountapi.detach_top(stable)
        else:
            _detach_lower(stable)
    seconds = time.perf_counter() - start
    _verify(source, stable)
    return Swap(method, seconds, _number(old), _number(source) or "")


def _detach_lower(stable: str) -> None:
    """Take away what lies under the visible mount: move that aside, detach, and put it back on top of nothing.

    An old kernel cannot reach a covered mount, so the new one is cloned, both are detached, and the clone attached;
    for the time of two system calls the path is its bare directory.
    """
    clone = mountapi.clone_mount(stable)
    try:
        while mount_at(stable) is not None:
            mountapi.detach_top(stable)
        mountapi.move_mount(clone, stable, beneath=False)
    finally:
        os.close(clone)


def _symlink(source: Mount, new: str, stable: str) -> Swap:
    link = Path(stable)
    old = str(link.readlink()) if link.is_symlink() else None
    temporary = link.with_name(f".{link.name}.{os.getpid()}.{time.monotonic_ns()}")
    start = time.perf_counter()
    if old is None and link.is_dir():
        link.rmdir()  # an empty directory, checked before: a link cannot replace it in one step
    temporary.symlink_to(new)
    try:
        temporary.replace(link)
    except OSError:
        temporary.unlink()
        raise
    seconds = time.perf_counter() - start
    if str(link.readlink()) != new:
        raise SwapError(f"{stable} does not lead to {new} after the swap")
    return Swap("symlink", seconds, old, _number(source) or "")


_METHODS: dict[str, Callable[[Mount, str, str], Swap]] = {"beneath": _beneath, "over": _over, "symlink": _symlink}


def _verify(source: Mount, stable: str) -> None:
    """Check in the mount table, without touching a mount, that the stable path shows the new device and only it."""
    stack = stack_at(stable)
    if not stack or stack[-1].device != source.device:
        shown = _number(stack[-1]) if stack else "no mount"
        raise SwapError(f"{stable} does not show {_number(source)} after the swap but {shown}")


def _number(mount: Mount | None) -> str | None:
    return None if mount is None else f"{mount.major}:{mount.minor}"


def served_by(stable: str) -> Mount | None:
    """Give the mount that a stable path shows, through a symbolic link too, without touching it."""
    path = resolve(stable)
    mounted = mount_at(path)
    if mounted is None and Path(path).is_symlink():
        return mount_at(os.path.join(os.path.dirname(path), os.readlink(path)))  # noqa: PTH115, PTH118, PTH120
    return mounted


def detach(path: str) -> bool:
    """Take all mounts off a path lazily, or remove the link; False when nothing was there.

    Raises MountError when a mount cannot be taken away.
    """
    path = resolve(path)
    found = False
    while mount_at(path) is not None:
        unmount_lazily(path)
        found = True
    if not found and Path(path).is_symlink():
        Path(path).unlink()
        found = True
    return found


def main(argv: list[str] | None = None) -> int:
    """Run the command; prints one line of JSON, exits 1 when it was refused."""
    parser = argparse.ArgumentParser(prog="python -m dualfuse.live", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    swapping = commands.add_parser("swap")
    swapping.add_argument("new")
    swapping.add_argument("stable")
    swapping.add_argument("--method", choices=["auto", *_METHODS], default="auto")
    detaching = commands.add_parser("detach")
    detaching.add_argument("path")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "swap":
            answer = {"ok": True, **asdict(swap(arguments.new, arguments.stable, arguments.method))}
        else:
            answer = {"ok": True, "detached": detach(arguments.path)}
    except Exception as error:  # noqa: BLE001 - the one boundary of this command
        hint = getattr(error, "hint", "") or getattr(error, "remedy", "")
        answer = {"ok": False, "error": str(error), "hint": hint}
    print(json.dumps(answer))  # noqa: T201
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
