"""One small case for every operation of a mounted directory; each gets an empty directory of its own.

A case that the file system answers with "not supported" (ENOSYS, ENOTSUP, EROFS or EPERM at the first step that needs
it) is skipped by the runner, not failed: which operations a file system has is its own choice.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path


class MismatchError(AssertionError):
    """The file system answered, but wrongly."""


def expect(actual: object, wanted: object, what: str) -> None:
    """Raise MismatchError unless two values are equal."""
    if actual != wanted:
        raise MismatchError(f"{what}: expected {wanted!r:.200}, got {actual!r:.200}")


def expect_errno(wanted: int, action: Callable[[], object], what: str) -> None:
    """Raise MismatchError unless an action fails with this errno."""
    try:
        action()
    except OSError as error:
        expect(errno.errorcode.get(error.errno or 0), errno.errorcode[wanted], what)
    else:
        raise MismatchError(f"{what}: expected {errno.errorcode[wanted]}, but it succeeded")


def create_and_read(place: Path) -> None:
    file = place / "file"
    file.write_bytes(b"hello")
    expect(file.read_bytes(), b"hello", "content")
    expect(file.stat().st_size, 5, "size")


def read_at_offset(place: Path) -> None:
    file = place / "file"
    file.write_bytes(bytes(range(256)) * 64)
    with file.open("rb") as stream:
        stream.seek(1000)
        expect(stream.read(16), (bytes(range(256)) * 64)[1000:1016], "bytes at 1000")
        stream.seek(20000)
        expect(stream.read(16), b"", "bytes after the end")


def large_file(place: Path) -> None:
    data = os.urandom(65536) * 32
    (place / "file").write_bytes(data)
    expect((place / "file").read_bytes() == data, True, "2 MiB read back")


def overwrite_and_append(place: Path) -> None:
    file = place / "file"
    file.write_bytes(b"0123456789")
    with file.open("r+b") as stream:
        stream.seek(3)
        stream.write(b"abc")
    with file.open("ab") as stream:
        stream.write(b"!")
    expect(file.read_bytes(), b"012abc6789!", "content")


def truncate_and_extend(place: Path) -> None:
    file = place / "file"
    file.write_bytes(b"0123456789")
    os.truncate(file, 4)
    expect(file.read_bytes(), b"0123", "after truncate")
    with file.open("r+b") as stream:
        stream.truncate(6)
    expect(file.read_bytes(), b"0123\0\0", "after ftruncate")
    file.write_bytes(b"new")
    expect(file.read_bytes(), b"new", "after O_TRUNC")


def sparse_file(place: Path) -> None:
    with (place / "file").open("wb") as stream:
        stream.seek(100_000)
        stream.write(b"end")
    expect((place / "file").read_bytes(), bytes(100_000) + b"end", "hole and end")


def missing_file(place: Path) -> None:
    expect_errno(errno.ENOENT, (place / "none").stat, "stat")
    expect_errno(errno.ENOENT, (place / "none").unlink, "unlink")
    expect_errno(errno.ENOENT, (place / "none" / "below").stat, "stat below")


def exclusive_create(place: Path) -> None:
    (place / "file").touch()
    expect_errno(errno.EEXIST, lambda: os.open(place / "file", os.O_CREAT | os.O_EXCL | os.O_WRONLY), "O_EXCL")


def directories(place: Path) -> None:
    (place / "a").mkdir()
    (place / "a" / "b").mkdir()
    expect(stat.S_ISDIR((place / "a").stat().st_mode), True, "is a directory")
    expect_errno(errno.EEXIST, (place / "a").mkdir, "mkdir twice")
    expect_errno(errno.ENOTEMPTY, (place / "a").rmdir, "rmdir of a full one")
    (place / "a" / "b").rmdir()
    (place / "a").rmdir()
    expect(os.listdir(place), [], "nothing left")  # noqa: PTH208


def listing(place: Path) -> None:
    names = [f"name-{number:03}" for number in range(150)]
    for name in names:
        (place / name).touch()
    expect(sorted(os.listdir(place)), names, "names")  # noqa: PTH208
    expect(sorted(entry.name for entry in os.scandir(place) if entry.is_file()), names, "types")


def unlink(place: Path) -> None:
    (place / "file").touch()
    (place / "file").unlink()
    expect((place / "file").exists(), False, "exists")


def unlink_while_open(place: Path) -> None:
    file = place / "file"
    file.write_bytes(b"still here")
    with file.open("rb") as stream:
        file.unlink()
        expect(file.exists(), False, "name after unlink")
        expect(stream.read(), b"still here", "content after unlink")
    deadline = time.monotonic() + 2
    while os.listdir(place) and time.monotonic() < deadline:  # noqa: PTH208 - the kernel sends RELEASE after close
        time.sleep(0.001)
    expect(os.listdir(place), [], "nothing left after close")  # noqa: PTH208


def rename(place: Path) -> None:
    (place / "a").write_bytes(b"a")
    (place / "b").write_bytes(b"b")
    (place / "a").rename(place / "c")
    (place / "c").replace(place / "b")
    expect((place / "b").read_bytes(), b"a", "content after rename over")
    expect(os.listdir(place), ["b"], "names")  # noqa: PTH208


def rename_directory(place: Path) -> None:
    (place / "a" / "b").mkdir(parents=True)
    (place / "a" / "b" / "file").write_bytes(b"deep")
    with (place / "a" / "b" / "file").open("rb") as stream:
        (place / "a").rename(place / "z")
        expect(stream.read(), b"deep", "open file after the rename above it")
    expect((place / "z" / "b" / "file").read_bytes(), b"deep", "content below the new name")


def symbolic_link(place: Path) -> None:
    (place / "file").write_bytes(b"x")
    (place / "link").symlink_to("file")
    expect(str((place / "link").readlink()), "file", "target")
    expect((place / "link").read_bytes(), b"x", "content through the link")
    expect(stat.S_ISLNK((place / "link").lstat().st_mode), True, "is a link")


def hard_link(place: Path) -> None:
    (place / "file").write_bytes(b"x")
    (place / "link").hardlink_to(place / "file")
    expect((place / "link").read_bytes(), b"x", "content")
    expect((place / "link").stat().st_nlink, 2, "st_nlink")
    (place / "file").unlink()
    expect((place / "link").read_bytes(), b"x", "content by the second name")


def permissions(place: Path) -> None:
    (place / "file").touch(mode=0o644)
    (place / "file").chmod(0o600)
    expect(stat.S_IMODE((place / "file").stat().st_mode), 0o600, "mode")


def ownership(place: Path) -> None:
    (place / "file").touch()
    os.chown(place / "file", os.getuid(), os.getgid())
    status = (place / "file").stat()
    expect((status.st_uid, status.st_gid), (os.getuid(), os.getgid()), "owner")


def times(place: Path) -> None:
    (place / "file").touch()
    os.utime(place / "file", (1_000_000_000, 1_100_000_000))
    status = (place / "file").stat()
    expect((int(status.st_atime), int(status.st_mtime)), (1_000_000_000, 1_100_000_000), "times")


def extended_attributes(place: Path) -> None:
    file = place / "file"
    file.touch()
    os.setxattr(file, "user.colour", b"red")
    expect(os.getxattr(file, "user.colour"), b"red", "value")
    expect([name for name in os.listxattr(file) if name.startswith("user.")], ["user.colour"], "names")
    os.removexattr(file, "user.colour")
    expect_errno(errno.ENODATA, lambda: os.getxattr(file, "user.colour"), "after removal")


def named_pipe(place: Path) -> None:
    os.mkfifo(place / "pipe")
    expect(stat.S_ISFIFO((place / "pipe").stat().st_mode), True, "is a pipe")


def file_system_status(place: Path) -> None:
    expect(os.statvfs(place).f_namemax > 0, True, "f_namemax")


def access(place: Path) -> None:
    (place / "file").touch()
    expect(os.access(place / "file", os.R_OK), True, "readable")


def synchronise(place: Path) -> None:
    with (place / "file").open("wb") as stream:
        stream.write(b"safe")
        stream.flush()
        os.fsync(stream.fileno())
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def locks(place: Path) -> None:
    with (place / "file").open("wb") as first, (place / "file").open("wb") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        expect_errno(errno.EAGAIN, lambda: fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB), "second lock")


def memory_map(place: Path) -> None:
    (place / "file").write_bytes(b"a" * 8192)
    with (place / "file").open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        expect(memory[4090:4100], b"a" * 10, "mapped bytes")


def long_and_odd_names(place: Path) -> None:
    for name in ("n" * 255, "späße", "with space", "-dash", "emoji-\N{ANCHOR}"):
        (place / name).write_text(name)
        expect((place / name).read_text(), name, f"content of {name[:20]}")
    expect_errno(errno.ENAMETOOLONG, (place / ("n" * 256)).touch, "256 bytes")


CASES: tuple[Callable[[Path], None], ...] = (
    create_and_read, read_at_offset, large_file, overwrite_and_append, truncate_and_extend, sparse_file, missing_file,
    exclusive_create, directories, listing, unlink, unlink_while_open, rename, rename_directory, symbolic_link,
    hard_link, permissions, ownership, times, extended_attributes, named_pipe, file_system_status, access, synchronise,
    locks, memory_map, long_and_odd_names,
)  # fmt: skip
