"""The same calls on both backends and on a plain directory give the same results, errnos, attributes and contents."""

# ruff: noqa: PTH104, PTH115, PTH208 - the calls themselves are tested

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dualfuse.parity import compare
from tests.dualfuse.served import BACKENDS, outcome, serve, wait_for

pytestmark = pytest.mark.fuse

Places = dict[str, Path]


def alike(places: Places, action: Callable[[Path], object]) -> object:
    """Run an action on every place and give the outcome, which must be the same everywhere."""
    outcomes = {name: outcome(lambda place=place: action(place)) for name, place in places.items()}  # type: ignore[misc]
    assert outcomes["fusepy"] == outcomes["plain"]
    assert outcomes["pyfuse3"] == outcomes["plain"]
    return outcomes["plain"]


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


@pytest.mark.parametrize("seed", range(4))
def test_a_random_sequence_shows_no_unexplained_difference(mounted: Places, seed: int) -> None:
    report = compare(mounted["fusepy"], mounted["pyfuse3"], steps=120, seed=seed)
    assert report.differences == []
    assert report.against_plain == []
    assert report.steps == 120


def test_truncating_open(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "f").write_bytes(b"0123456789")
        descriptor = os.open(place / "f", os.O_RDWR | os.O_TRUNC)
        size = os.fstat(descriptor).st_size
        os.write(descriptor, b"ab")
        os.close(descriptor)
        return size, (place / "f").read_bytes()

    assert alike(places, action) == (0, b"ab")


def test_append_goes_to_the_end_whatever_the_offset(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "f").write_bytes(b"start")
        with (place / "f").open("ab") as first, (place / "f").open("ab") as second:
            for stream, data in ((first, b"1"), (second, b"22"), (first, b"333")):
                stream.write(data)
                stream.flush()
        return (place / "f").read_bytes()

    assert alike(places, action) == b"start122333"


def test_unlink_while_open_keeps_the_file_alive(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "f").write_bytes(b"old")
        with (place / "f").open("r+b") as stream:
            (place / "f").unlink()
            (place / "f").write_bytes(b"new")
            stream.write(b"OLD!")
            stream.seek(0)
            seen = stream.read(), os.fstat(stream.fileno()).st_nlink, (place / "f").read_bytes()
        wait_for(lambda: names(place) == ["f"], "the hidden file to go")
        return seen

    assert alike(places, action) == (b"OLD!", 0, b"new")


def test_rename_over_an_open_file(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "a").write_bytes(b"a")
        (place / "b").write_bytes(b"b")
        with (place / "b").open("rb") as stream:
            (place / "a").rename(place / "b")
            seen = stream.read(), (place / "b").read_bytes()
        wait_for(lambda: names(place) == ["b"], "the hidden file to go")
        return seen

    assert alike(places, action) == (b"b", b"a")


def test_rename_of_a_tree_with_open_files(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "a" / "b" / "c").mkdir(parents=True)
        (place / "a" / "b" / "c" / "f").write_bytes(b"deep")
        with (place / "a" / "b" / "c" / "f").open("r+b") as stream:
            (place / "a" / "b").rename(place / "z")
            stream.write(b"DEEP")
            stream.flush()
            os.ftruncate(stream.fileno(), 3)
            status = os.fstat(stream.fileno())
        return (place / "z" / "c" / "f").read_bytes(), status.st_size, (place / "a" / "b").exists()

    assert alike(places, action) == (b"DEE", 3, False)


def test_mknod_of_a_regular_file_and_a_pipe(places: Places) -> None:
    def action(place: Path) -> object:
        os.mknod(place / "f", stat.S_IFREG | 0o640)
        os.mkfifo(place / "p", 0o600)
        again = outcome(lambda: os.mknod(place / "f", stat.S_IFREG | 0o640))
        return oct((place / "f").stat().st_mode), oct((place / "p").stat().st_mode), again

    assert alike(places, action) == ("0o100640", "0o10600", f"errno {os.strerror(errno.EEXIST)}")


def test_modes_and_umask(places: Places) -> None:
    def action(place: Path) -> object:
        before = os.umask(0o027)
        try:
            (place / "d").mkdir(0o1777)
            os.close(os.open(place / "f", os.O_CREAT | os.O_WRONLY, 0o4666))
        finally:
            os.umask(before)
        return oct((place / "d").stat().st_mode), oct((place / "f").stat().st_mode)

    assert alike(places, action) == ("0o41750", "0o104640")


def test_times_to_the_nanosecond(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "f").touch()
        os.utime(place / "f", ns=(1_500_000_000_123_456_789, 1_600_000_000_987_654_321))
        status = (place / "f").stat()
        return status.st_atime_ns, status.st_mtime_ns

    assert alike(places, action) == (1_500_000_000_123_456_789, 1_600_000_000_987_654_321)


def test_one_time_alone_is_set_on_pyfuse3_where_libfuse2_ignores_it(places: Places) -> None:
    seen = {}
    for name, place in places.items():
        (place / "f").touch()
        os.utime(place / "f", (1000, 2000))
        assert os.system(f"touch -m -d @5000 {place / 'f'}") == 0
        status = (place / "f").stat()
        seen[name] = (int(status.st_atime), int(status.st_mtime))
    assert seen == {"plain": (1000, 5000), "pyfuse3": (1000, 5000), "fusepy": (1000, 2000)}


def test_hard_links_share_an_inode_on_pyfuse3(places: Places) -> None:
    shared = {}
    for name, place in places.items():
        (place / "f").write_bytes(b"x")
        (place / "g").hardlink_to(place / "f")
        (place / "g").write_bytes(b"longer")
        shared[name] = (place / "f").stat().st_ino == (place / "g").stat().st_ino
        assert (place / "f").stat().st_nlink == 2 or name == "fusepy"
    assert shared == {"plain": True, "pyfuse3": True, "fusepy": False}
    assert (places["pyfuse3"] / "f").stat().st_size == 6


def test_hard_links_survive_the_first_name(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "f").write_bytes(b"x")
        (place / "g").hardlink_to(place / "f")
        with (place / "f").open("r+b") as stream:
            (place / "f").unlink()
            stream.write(b"yz")
        (place / "g").rename(place / "h")
        return names(place), (place / "h").read_bytes()

    assert alike(places, action) == (["h"], b"yz")


def test_deep_trees_and_long_names(places: Places) -> None:
    def action(place: Path) -> object:
        deep = place
        for number in range(60):
            deep = deep / f"d{number}"
            deep.mkdir()
        (deep / ("n" * 255)).write_bytes(b"deep")
        too_long = outcome((deep / ("n" * 256)).touch)
        (place / "d0").rename(place / "e0")
        moved = place / "e0" / deep.relative_to(place / "d0")
        return names(moved), (moved / ("n" * 255)).read_bytes(), too_long

    assert alike(places, action) == (["n" * 255], b"deep", f"errno {os.strerror(errno.ENAMETOOLONG)}")


def test_names_that_are_not_utf8_work_on_pyfuse3(places: Places) -> None:
    raw = b"latin-\xe9"
    for name in ("plain", "pyfuse3"):
        place = os.fsencode(places[name])
        descriptor = os.open(place + b"/" + raw, os.O_CREAT | os.O_WRONLY)
        os.close(descriptor)
        assert os.listdir(place) == [raw]
        os.rename(place + b"/" + raw, place + b"/\xff\xfe")
        assert os.listdir(place) == [b"\xff\xfe"]
    place = os.fsencode(places["fusepy"])
    with pytest.raises(OSError, match=r"Input/output error"):
        os.open(place + b"/" + raw, os.O_CREAT | os.O_WRONLY)


def test_sparse_files_beyond_4_gib(places: Places) -> None:
    def action(place: Path) -> object:
        with (place / "f").open("wb") as stream:
            stream.seek(5 << 30)
            stream.write(b"end")
        with (place / "f").open("rb") as stream:
            stream.seek((5 << 30) - 4)
            return stream.read(), (place / "f").stat().st_size, (place / "f").stat().st_blocks < 1000

    assert alike(places, action) == (b"\0\0\0\0end", (5 << 30) + 3, True)


def test_memory_maps(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "f").write_bytes(b"a" * 10000)
        with (place / "f").open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as memory:
            memory[5000:5003] = b"bcd"
            memory.flush()
        return (place / "f").read_bytes()[4998:5005]

    assert alike(places, action) == b"aabcdaa"


def test_direct_io(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "f").write_bytes(b"z" * 8192)
        descriptor = os.open(place / "f", os.O_RDONLY | os.O_DIRECT)
        buffer = mmap.mmap(-1, 4096)
        try:
            return os.preadv(descriptor, [buffer], 4096), buffer[:3]
        finally:
            os.close(descriptor)

    assert alike({**places, "plain": places["fusepy"]}, action) == (4096, b"zzz")


def test_extended_attributes(places: Places) -> None:
    def action(place: Path) -> object:
        file = place / "f"
        file.touch()
        os.setxattr(file, "user.a", b"1", os.XATTR_CREATE)
        twice = outcome(lambda: os.setxattr(file, "user.a", b"2", os.XATTR_CREATE))
        missing = outcome(lambda: os.setxattr(file, "user.b", b"2", os.XATTR_REPLACE))
        os.setxattr(file, "user.a", b"x" * 3000)
        value = os.getxattr(file, "user.a")
        os.removexattr(file, "user.a")
        return twice, missing, len(value), outcome(lambda: os.getxattr(file, "user.a")), os.listxattr(file)

    answers: Any = alike(places, action)
    twice, missing, size, gone, left = answers
    assert (size, left) == (3000, [])
    assert twice == f"errno {os.strerror(errno.EEXIST)}"
    assert missing == gone == f"errno {os.strerror(errno.ENODATA)}"


def test_listings_of_many_entries_are_complete(places: Places) -> None:
    def action(place: Path) -> object:
        for number in range(1500):
            (place / f"entry-{number:05}").touch()
        plain = names(place)
        with os.scandir(place) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries}
        return len(plain), plain[0], plain[-1], sizes == dict.fromkeys(plain, 0)

    assert alike(places, action) == (1500, "entry-00000", "entry-01499", True)


def test_a_listing_survives_changes_while_it_is_read(places: Places) -> None:
    def action(place: Path) -> object:
        for number in range(1000):
            (place / f"{number:05}").touch()
        seen = []
        with os.scandir(place) as entries:
            for entry in entries:
                seen.append(entry.name)
                if len(seen) % 2:
                    Path(entry.path).unlink()
        return len(seen) == len(set(seen)), len(names(place))

    assert alike(places, action) == (True, 500)


def test_locks_within_a_mount(places: Places) -> None:
    def action(place: Path) -> object:
        with (place / "f").open("w") as first, (place / "f").open("w") as second:
            fcntl.flock(first, fcntl.LOCK_EX)
            refused = outcome(lambda: fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB))
            fcntl.flock(first, fcntl.LOCK_UN)
            return refused, outcome(lambda: fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB))

    assert alike(places, action) == (f"errno {os.strerror(errno.EAGAIN)}", None)


def test_errors_of_everyday_life(places: Places) -> None:
    def action(place: Path) -> object:
        (place / "f").touch()
        (place / "d").mkdir()
        (place / "d" / "x").touch()
        return [
            outcome(step)
            for step in (
                (place / "none").stat,
                (place / "f" / "below").stat,
                (place / "d").rmdir,
                (place / "f").rmdir,
                (place / "d").unlink,
                (place / "d").mkdir,
                lambda: (place / "d").rename(place / "d" / "x" / "y"),
                lambda: (place / "f").rename(place / "d"),
                lambda: (place / "d").rename(place / "f"),
                lambda: os.readlink(place / "f"),
                lambda: (place / "l").symlink_to("x" * 5000),
                lambda: os.truncate(place / "d", 1),
                lambda: os.open(place / "d", os.O_WRONLY),
                lambda: os.link(place / "d", place / "e"),
            )
        ]

    failures = alike(places, action)
    assert isinstance(failures, list)
    assert all(str(each).startswith("errno ") for each in failures)


@pytest.mark.parametrize("name", BACKENDS)
def test_caching_follows_the_timeouts(tmp_path: Path, name: str) -> None:
    """With 0 every stat asks; with a second, what changed behind the mount's back is seen late."""
    for timeout, fresh in (("0", True), ("30", False)):
        under = tmp_path / f"under-{timeout}"
        under.mkdir()
        (under / "f").write_bytes(b"1")
        options = [f"entry_timeout={timeout},attr_timeout={timeout}"]
        loopback = "dualfuse.samples.loopback:Loopback"
        with serve(loopback, tmp_path / f"m-{timeout}", name, [f"root={under}"], options) as daemon:
            file = Path(daemon.mountpoint, "f")
            assert file.stat().st_size == 1
            (under / "f").write_bytes(b"12345")
            assert (file.stat().st_size == 5) is fresh
