"""What programs can see of a mount's library and connection: the differences that no class can make up for."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.dualfuse.odd import Meeting
from tests.dualfuse.served import BACKENDS, outcome, read_direct, serve

pytestmark = pytest.mark.fuse

AT_FDCWD = -100


def test_renames_with_flags(places: dict[str, Path]) -> None:
    """RENAME_NOREPLACE is honoured on pyfuse3, RENAME_EXCHANGE refused on both; nothing is lost."""
    noreplace, exchange = 1, 2
    refused = f"errno {os.strerror(errno.EINVAL)}"
    taken = f"errno {os.strerror(errno.EEXIST)}"
    seen = {}
    for name, place in places.items():
        for letter in "abc":
            (place / letter).write_text(letter)
        seen[name] = [
            outcome(lambda place=place: _rename(place / "a", place / "b", noreplace)),  # type: ignore[misc]
            outcome(lambda place=place: _rename(place / "a", place / "new", noreplace)),  # type: ignore[misc]
            sorted(path.name for path in place.iterdir()),
            outcome(lambda place=place: _rename(place / "b", place / "c", exchange)),  # type: ignore[misc]
            (place / "b").read_text() + (place / "c").read_text(),
        ]
    assert seen["plain"] == [taken, None, ["b", "c", "new"], None, "cb"]
    assert seen["pyfuse3"] == [taken, None, ["b", "c", "new"], refused, "bc"]
    assert seen["fusepy"] == [taken, refused, ["a", "b", "c"], refused, "bc"]


def test_of_direct_reads_twelve_are_served_at_once_on_libfuse3(tmp_path: Path) -> None:
    most = {}
    for name in BACKENDS:
        with serve("tests.dualfuse.odd:Meeting", tmp_path / name, name), ThreadPoolExecutor(Meeting.GUESTS) as guests:
            most[name] = max(map(int, guests.map(read_direct, [tmp_path / name / "f"] * Meeting.GUESTS)))
    assert most == {"fusepy": Meeting.GUESTS, "pyfuse3": 12}


def _rename(old: Path, new: Path, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags):
        raise OSError(ctypes.get_errno(), "renameat2")


def test_locks_are_not_seen_through_another_mount(tmp_path: Path) -> None:
    """The kernel keeps locks by connection: who is moved to another mount of the same files loses them."""
    under = tmp_path / "under"
    under.mkdir()
    (under / "f").touch()
    with ExitStack() as stack:
        files = []
        for name in BACKENDS:
            loopback = "dualfuse.samples.loopback:Loopback"
            daemon = stack.enter_context(serve(loopback, tmp_path / name, name, [f"root={under}"]))
            files.append(stack.enter_context(Path(daemon.mountpoint, "f").open("r+")))
        for file in files:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
