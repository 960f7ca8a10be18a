"""The file system called directly: what handles see, and what two mounts of one store promise each other."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.filesystem import SECTIONS, Filesystem
from bridge.sections.open_files import BUFFER_LIMIT
from bridge.sections.section import Section
from bridge.store import feed
from bridge.store.event_store import EventStore
from bridge.store.tree import Tree


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(tmp_path / "store.db", uid=os.getuid(), gid=os.getgid())
    yield opened
    opened.close()


@pytest.fixture
def fs(store: EventStore) -> Filesystem:
    return Filesystem(store)


@pytest.fixture
def other(tmp_path: Path, store: EventStore) -> Iterator[Filesystem]:
    """A second mount of the same store, as another process would have it."""
    opened = EventStore(tmp_path / "store.db")
    yield Filesystem(opened)
    opened.close()


def write(fs: Filesystem, path: str, data: bytes) -> None:
    handle = fs.create(path, 0o644)
    fs.write(path, data, 0, handle)
    fs.release(path, handle)


def read(fs: Filesystem, path: str) -> bytes:
    handle = fs.open(path, os.O_RDONLY)
    try:
        return fs.read(path, 1 << 24, 0, handle)
    finally:
        fs.release(path, handle)


def test_the_top_shows_the_sections_and_never_changes(fs: Filesystem) -> None:
    assert list(fs.readdir("/", 0)) == [".", "..", *SECTIONS]
    assert stat.S_ISDIR(fs.getattr("/")["st_mode"])
    for call in (
        lambda: fs.mkdir("/new", 0o755),
        lambda: fs.create("/new", 0o644),
        lambda: fs.rmdir("/current"),
        lambda: fs.rename("/current", "/other"),
        lambda: fs.chmod("/", 0o700),
    ):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EROFS
    with pytest.raises(FileNotFoundError):
        fs.getattr("/nothing")
    with pytest.raises(FileNotFoundError):
        fs.mkdir("/nothing/new", 0o755)


def test_sections_are_apart_and_read_only_unless_they_say_otherwise(store: EventStore) -> None:
    fs = Filesystem(store, sections={**SECTIONS, "still": lambda *_: Section()})
    write(fs, "/current/a", b"x")
    with pytest.raises(OSError) as caught:
        fs.rename("/current/a", "/still/a")
    assert caught.value.errno == errno.EXDEV
    with pytest.raises(OSError) as caught:
        fs.mkdir("/still/b", 0o755)
    assert caught.value.errno == errno.EROFS
    assert fs.listxattr("/still/b") == []


def test_what_one_handle_wrote_is_seen_by_others_before_it_is_stored(fs: Filesystem, other: Filesystem) -> None:
    handle = fs.create("/current/a", 0o644)
    second = fs.open("/current/a", os.O_RDONLY)
    fs.write("/current/a", b"hello", 0, handle)
    assert fs.read("/current/a", 100, 0, second) == b"hello"
    assert fs.getattr("/current/a")["st_size"] == 5
    assert fs.getattr("/current/a", handle)["st_size"] == 5
    assert other.getattr("/current/a")["st_size"] == 0
    fs.flush("/current/a", handle)
    assert read(other, "/current/a") == b"hello"


def test_opening_stores_what_others_buffered(fs: Filesystem, other: Filesystem) -> None:
    handle = fs.create("/current/a", 0o644)
    fs.write("/current/a", b"hello", 0, handle)
    fs.open("/current/a", os.O_RDONLY)
    assert read(other, "/current/a") == b"hello"


def test_two_mounts_that_write_different_parts_keep_both(fs: Filesystem, other: Filesystem) -> None:
    write(fs, "/current/a", b"." * 200_000)
    mine, theirs = fs.open("/current/a", os.O_RDWR), other.open("/current/a", os.O_RDWR)
    for offset in range(0, 200_000, 20_000):
        fs.write("/current/a", b"A" * 10_000, offset, mine)
        other.write("/current/a", b"B" * 10_000, offset + 10_000, theirs)
    other.release("/current/a", theirs)
    fs.release("/current/a", mine)
    expected = (b"A" * 10_000 + b"B" * 10_000) * 10
    assert read(fs, "/current/a") == expected
    assert read(other, "/current/a") == expected


def test_appends_through_two_mounts_never_overwrite_each_other(fs: Filesystem, other: Filesystem) -> None:
    write(fs, "/current/log", b"")
    handles = [(side, side.open("/current/log", os.O_WRONLY | os.O_APPEND)) for side in (fs, other)]
    for number in range(50):
        for side, handle in handles:
            side.write("/current/log", b"%03d\n" % number, 0, handle)  # the offset is the kernel's stale idea of it
    assert read(fs, "/current/log") == b"".join(b"%03d\n" % number * 2 for number in range(50))


def test_a_hole_reads_as_zeros_also_after_shrinking_and_growing(fs: Filesystem) -> None:
    handle = fs.create("/current/a", 0o644)
    fs.write("/current/a", b"end", 300_000, handle)
    assert fs.read("/current/a", 10, 299_995, handle) == b"\0\0\0\0\0end"
    fs.write("/current/a", b"x" * 100, 0, handle)
    fs.truncate("/current/a", 10, handle)
    fs.truncate("/current/a", 100, handle)
    assert fs.read("/current/a", 200, 0, handle) == b"x" * 10 + b"\0" * 90


def test_truncating_an_open_file_forgets_what_was_buffered_beyond(fs: Filesystem) -> None:
    handle = fs.create("/current/a", 0o644)
    fs.write("/current/a", b"secret", 0, handle)
    fs.truncate("/current/a", 0)
    assert fs.getattr("/current/a", handle)["st_size"] == 0
    fs.release("/current/a", handle)
    assert read(fs, "/current/a") == b""


def test_opening_with_o_trunc_empties(fs: Filesystem) -> None:
    write(fs, "/current/a", b"old")
    fs.release("/current/a", fs.open("/current/a", os.O_WRONLY | os.O_TRUNC))
    assert fs.getattr("/current/a")["st_size"] == 0


def test_a_time_that_was_set_survives_the_closing(fs: Filesystem) -> None:
    handle = fs.create("/current/a", 0o644)
    fs.write("/current/a", b"x", 0, handle)
    fs.utimens("/current/a", (1_000_000_001, 2_000_000_002))
    fs.release("/current/a", handle)
    status = fs.getattr("/current/a")
    assert (status["st_atime"], status["st_mtime"]) == (1_000_000_001, 2_000_000_002)


def test_an_open_file_lives_on_without_a_name_on_both_mounts(fs: Filesystem, other: Filesystem) -> None:
    write(fs, "/current/a", b"still here")
    mine, theirs = fs.open("/current/a", os.O_RDWR), other.open("/current/a", os.O_RDONLY)
    fs.unlink("/current/a")
    assert other.read("/current/a", 100, 0, theirs) == b"still here"
    fs.write("/current/a", b"more", 10, mine)
    assert fs.getattr("/current/a", mine)["st_nlink"] == 0
    fs.release("/current/a", mine)
    assert other.read("/current/a", 100, 0, theirs) == b"still heremore"


def test_a_long_write_is_stored_in_between(fs: Filesystem, other: Filesystem) -> None:
    handle = fs.create("/current/a", 0o644)
    block = os.urandom(1 << 20)
    for number in range(BUFFER_LIMIT // len(block)):
        fs.write("/current/a", block, number * len(block), handle)
    assert other.getattr("/current/a")["st_size"] == BUFFER_LIMIT


def test_a_mount_that_goes_stores_what_is_still_buffered(fs: Filesystem, other: Filesystem) -> None:
    fs.write("/current/a", b"late", 0, fs.create("/current/a", 0o644))
    fs.destroy("/")
    assert read(other, "/current/a") == b"late"


def test_events_name_who_wrote_not_who_caused_the_storing(store: EventStore) -> None:
    from bridge.sections.section import Caller

    caller = Caller(1, 1, 1)
    fs = Filesystem(store, lambda: caller)
    fs.write("/current/a", b"x", 0, fs.create("/current/a", 0o644))
    caller.uid = 2
    fs.open("/current/a", os.O_RDONLY)
    with store.reader() as reader:
        event = feed.events(reader)[-1]
    assert (event.kind, event.agent) == ("write", "uid:1")


def test_the_callers_ids_and_the_folders_group_bit_are_kept(store: EventStore) -> None:
    from bridge.sections.section import Caller

    fs = Filesystem(store, lambda: Caller(11, 12, 1))
    fs.mkdir("/current/d", 0o755)
    status = fs.getattr("/current/d")
    assert (status["st_uid"], status["st_gid"]) == (11, 12)
    fs.chown("/current/d", -1, 77)
    fs.chmod("/current/d", 0o2755)
    fs.mkdir("/current/d/e", 0o755)
    status = fs.getattr("/current/d/e")
    assert (status["st_gid"], stat.S_IMODE(status["st_mode"])) == (77, 0o2755)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_only_regular_files_can_be_made_by_mknod(fs: Filesystem, kind: int) -> None:
    with pytest.raises(PermissionError):
        fs.mknod("/current/a", kind | 0o644, 0)
    fs.mknod("/current/a", stat.S_IFREG | 0o600, 0)
    assert stat.S_IMODE(fs.getattr("/current/a")["st_mode"]) == 0o600


def test_a_closed_handle_is_refused(fs: Filesystem) -> None:
    handle = fs.create("/current/a", 0o644)
    fs.release("/current/a", handle)
    with pytest.raises(OSError) as caught:
        fs.read("/current/a", 1, 0, handle)
    assert caught.value.errno == errno.EBADF


def test_extended_attributes(fs: Filesystem, other: Filesystem) -> None:
    write(fs, "/current/a", b"")
    fs.setxattr("/current/a", "user.x", b"\0\xff", 0)
    assert other.getxattr("/current/a", "user.x") == b"\0\xff"
    assert other.listxattr("/current/a") == ["user.x"]
    for flags, name, code in ((1, "user.x", errno.EEXIST), (2, "user.y", errno.ENODATA)):
        with pytest.raises(OSError) as caught:
            fs.setxattr("/current/a", name, b"", flags)
        assert caught.value.errno == code
    other.removexattr("/current/a", "user.x")
    with pytest.raises(OSError) as caught:
        fs.getxattr("/current/a", "user.x")
    assert caught.value.errno == errno.ENODATA


def test_the_disks_room_is_reported(fs: Filesystem) -> None:
    room = fs.statfs("/")
    assert room["f_blocks"] > room["f_bavail"] > 0
    assert room["f_namemax"] == 255


@pytest.mark.parametrize("moment", [1, 2])
def test_a_look_while_a_file_is_being_stored_never_shows_it_as_it_was_before(
    store: EventStore, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """Whatever question the storing overtakes: the kernel would believe an old size and read no further."""
    fs = Filesystem(store)
    handle = fs.create("/current/a", 0o644)
    fs.write("/current/a", b"content", 0, handle)
    storing = threading.Thread(target=lambda: fs.flush("/current/a", handle))
    asked = 0
    read = store.read

    @contextmanager
    def overtaken(section: str) -> Iterator[Tree]:
        nonlocal asked
        with read(section) as tree:
            yield tree
        asked += 1
        if asked == moment:
            storing.start()
            storing.join(0.3)  # it may have to wait for the one who looks

    monkeypatch.setattr(store, "read", overtaken)
    assert fs.getattr("/current/a")["st_size"] == 7
    assert asked >= moment
    storing.join()
    assert fs.getattr("/current/a")["st_size"] == 7
