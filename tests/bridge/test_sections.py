"""The sections called directly: the past, annotations, packages, streams, and what the mount says of itself."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.agents import Agents
from bridge.filesystem import Filesystem
from bridge.sections.section import Caller
from bridge.sections.shadows import LARGEST
from bridge.store.event_store import EventStore
from bridge.store.instant import spelled
from bridge.store.replay import differences

Append = os.O_WRONLY | os.O_APPEND


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(tmp_path / "store.db", uid=os.getuid(), gid=os.getgid())
    yield opened
    assert differences(opened._writer) == []
    opened.close()


@pytest.fixture
def fs(store: EventStore) -> Filesystem:
    return Filesystem(store, facts=lambda: {"backend": "fusepy", "errors": ""})


def put(fs: Filesystem, path: str, data: bytes) -> None:
    handle = fs.create(path, 0o644)
    fs.truncate(path, 0, handle)
    fs.write(path, data, 0, handle)
    fs.flush(path, handle)
    fs.release(path, handle)


def add(fs: Filesystem, path: str, data: bytes, flags: int = Append) -> None:
    handle = fs.open(path, flags)
    try:
        fs.write(path, data, 0, handle)
        fs.flush(path, handle)
    finally:
        fs.release(path, handle)


def get(fs: Filesystem, path: str) -> bytes:
    handle = fs.open(path, os.O_RDONLY)
    try:
        said = fs.read(path, 1 << 20, 0, handle)
    finally:
        fs.release(path, handle)
    assert fs.getattr(path)["st_size"] == len(said)
    return said


def notes(fs: Filesystem, path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in get(fs, path).splitlines()]


def fails(code: int, call: Callable[[], object]) -> None:
    with pytest.raises(OSError) as caught:
        call()
    assert caught.value.errno == code


def now() -> str:
    return spelled(time.time_ns())


def test_every_instant_shows_the_tree_as_it_was_then(fs: Filesystem) -> None:
    fs.mkdir("/current/d", 0o750)
    put(fs, "/current/d/a", b"one")
    first = now()
    put(fs, "/current/d/a", b"two and more")
    fs.setxattr("/current/d/a", "user.x", b"y", 0)
    second = now()
    fs.rename("/current/d/a", "/current/b")
    fs.symlink("/current/link", "b")
    fs.rmdir("/current/d")
    third = now()
    fs.unlink("/current/b")
    assert get(fs, f"/history/{first}/d/a") == b"one"
    assert get(fs, f"/history/{second}/d/a") == b"two and more"
    assert fs.getxattr(f"/history/{second}/d/a", "user.x") == b"y"
    assert fs.listxattr(f"/history/{first}/d/a") == []
    assert list(fs.readdir(f"/history/{second}", 0)) == [".", "..", "d"]
    assert stat.S_IMODE(fs.getattr(f"/history/{second}/d")["st_mode"]) == 0o750
    assert list(fs.readdir(f"/history/{third}", 0)) == [".", "..", "b", "link"]
    assert get(fs, f"/history/{third}/b") == b"two and more"
    assert fs.readlink(f"/history/{third}/link") == "b"
    fails(errno.ENOENT, lambda: fs.getattr(f"/history/{third}/d"))
    fails(errno.ENOENT, lambda: fs.getattr(f"/history/{now()}/b"))
    assert list(fs.readdir("/current", 0)) == [".", "..", "link"]


def test_history_lists_when_something_changed_and_each_of_these_can_be_entered(fs: Filesystem) -> None:
    for number in range(150):
        fs.mkdir(f"/current/{number}", 0o755)
    instants = [name for name in fs.readdir("/history", 0) if name not in (".", "..")]
    assert len(instants) <= 101
    assert instants == sorted(instants)
    counts = [len(list(fs.readdir(f"/history/{name}", 0))) - 2 for name in instants]
    assert counts[0] == 0
    assert counts[1:] == list(range(51, 151))


def test_an_instant_in_another_spelling_is_the_same_instant(fs: Filesystem) -> None:
    put(fs, "/current/a", b"x")
    moment = now()
    shifted = moment[:-1] + "+00:00"
    assert get(fs, f"/history/{shifted}/a") == b"x"
    for name in ("yesterday", "2999-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "2026-05-04"):
        fails(errno.ENOENT, lambda name=name: fs.getattr(f"/history/{name}"))  # type: ignore[misc]


def test_the_past_cannot_be_changed(fs: Filesystem) -> None:
    put(fs, "/current/a", b"x")
    path = f"/history/{now()}/a"
    for call in (
        lambda: fs.open(path, os.O_WRONLY),
        lambda: fs.unlink(path),
        lambda: fs.truncate(path, 0),
        lambda: fs.create(f"{path}b", 0o644),
        lambda: fs.chmod(path, 0o600),
        lambda: fs.rename(path, f"{path}b"),
    ):
        fails(errno.EROFS, call)


def test_an_annotation_knows_its_lines_and_says_when_they_moved_or_went(fs: Filesystem) -> None:
    put(fs, "/current/a.py", b"one\ntwo\nthree\nfour\n")
    add(fs, "/shadows/a.py", b"2-3 look here\n")
    [note] = notes(fs, "/shadows/a.py")
    assert (note["state"], note["lines"], note["at"], note["text"]) == ("current", [2, 3], [2, 3], "look here")
    assert note["agent"] == f"uid:{os.getuid()}"
    put(fs, "/current/a.py", b"zero\nhalf\none\ntwo\nthree\nfour\n")
    [note] = notes(fs, "/shadows/a.py")
    assert (note["state"], note["lines"], note["at"]) == ("moved", [2, 3], [4, 5])
    put(fs, "/current/a.py", b"one\ntwo!\nthree\n")
    [note] = notes(fs, "/shadows/a.py")
    assert (note["state"], note["at"]) == ("stale", None)


def test_annotations_follow_a_rename_and_a_replacement(fs: Filesystem) -> None:
    put(fs, "/current/a", b"one\ntwo\n")
    add(fs, "/shadows/a", b"1 first\n")
    fs.mkdir("/current/d", 0o755)
    fs.rename("/current/a", "/current/d/b")
    assert [note["text"] for note in notes(fs, "/shadows/d/b")] == ["first"]
    fails(errno.ENOENT, lambda: fs.getattr("/shadows/a"))
    put(fs, "/current/new", b"zero\none\n")
    fs.rename("/current/new", "/current/d/b")  # as editors save
    [note] = notes(fs, "/shadows/d/b")
    assert (note["state"], note["at"]) == ("moved", [2, 2])


def test_a_replaced_file_that_has_another_name_keeps_its_annotations(fs: Filesystem) -> None:
    put(fs, "/current/a", b"one\n")
    add(fs, "/shadows/a", b"1 first\n")
    fs.link("/current/kept", "/current/a")
    put(fs, "/current/new", b"one\n")
    fs.rename("/current/new", "/current/a")
    assert len(notes(fs, "/shadows/kept")) == 1
    assert get(fs, "/shadows/a") == b""


def test_annotations_are_about_lines_or_the_whole_file_and_can_be_taken_back(fs: Filesystem) -> None:
    put(fs, "/current/a", b"one\ntwo\n")
    add(fs, "/shadows/a", b'{"lines": [1, 2], "text": "both\\nlines"}\nall of it\n2 seco')
    assert [note["text"] for note in notes(fs, "/shadows/a")] == ["both\nlines", "all of it", "seco"]
    number = notes(fs, "/shadows/a")[1]["id"]
    add(fs, "/shadows/a", json.dumps({"retract": number}).encode())
    assert [note["text"] for note in notes(fs, "/shadows/a")] == ["both\nlines", "seco"]
    fails(errno.ENOENT, lambda: add(fs, "/shadows/a", json.dumps({"retract": number}).encode() + b"\n"))


@pytest.mark.parametrize(
    "line",
    [
        b"3 no such line",
        b"0 none",
        b'{"text": ""}',
        b'{"lines": [2, 1], "text": "x"}',
        b"{",
        b"\xff",
        b'{"text": "\\ud800"}',
    ],
)
def test_a_senseless_annotation_is_refused_and_nothing_of_it_stays(fs: Filesystem, line: bytes) -> None:
    put(fs, "/current/a", b"one\ntwo\n")
    fails(errno.EINVAL, lambda: add(fs, "/shadows/a", b"1 good\n" + line + b"\n"))
    assert get(fs, "/shadows/a") == b""


def test_a_shadow_is_like_the_tree_and_only_takes_annotations(fs: Filesystem) -> None:
    fs.mkdir("/current/d", 0o755)
    put(fs, "/current/d/a", b"x")
    fs.symlink("/current/link", "d/a")
    assert list(fs.readdir("/shadows", 0)) == [".", "..", "d", "link"]
    assert fs.readlink("/shadows/link") == "d/a"
    for call in (
        lambda: fs.open("/shadows/d/a", os.O_WRONLY | os.O_TRUNC),
        lambda: fs.open("/shadows/d/a", os.O_WRONLY),
        lambda: fs.truncate("/shadows/d/a", 0),
        lambda: fs.unlink("/shadows/d/a"),
    ):
        fails(errno.EPERM, call)
    fails(errno.EROFS, lambda: fs.mkdir("/shadows/new", 0o755))


def test_a_file_that_grew_too_large_says_that_its_annotations_are_unknown(fs: Filesystem) -> None:
    put(fs, "/current/a", b"one\n")
    add(fs, "/shadows/a", b"1 first\n")
    fs.truncate("/current/a", LARGEST + 1)
    assert notes(fs, "/shadows/a")[0]["state"] == "unknown"
    fails(errno.EFBIG, lambda: add(fs, "/shadows/a", b"1 second\n"))


def test_packages_are_folders(fs: Filesystem) -> None:
    fails(errno.EPERM, lambda: fs.create("/context/loose", 0o644))
    fails(errno.EPERM, lambda: fs.symlink("/context/loose", "x"))
    fs.mkdir("/context/package", 0o755)
    put(fs, "/context/package/notes", b"content")
    assert get(fs, "/context/package/notes") == b"content"
    fails(errno.EPERM, lambda: fs.rename("/context/package/notes", "/context/loose"))
    fs.rename("/context/package", "/context/other")
    assert list(fs.readdir("/context", 0)) == [".", "..", "other"]
    assert list(fs.readdir("/current", 0)) == [".", ".."]


def test_a_stream_only_grows_and_is_read_from_any_byte(fs: Filesystem) -> None:
    handle = fs.create("/streams/log", 0o644)
    lines = [b"%d " % number * (number % 40 + 1) for number in range(120)]
    for line in lines:
        fs.write("/streams/log", line, 0, handle)  # the offset is the kernel's stale idea of the end
    whole = b"".join(lines)
    reader = fs.open("/streams/log", os.O_RDONLY)
    for offset in (0, 1, 99, len(whole) - 3, len(whole), len(whole) + 9):
        for size in (1, 50, 1 << 20):
            assert fs.read("/streams/log", size, offset, reader) == whole[offset : offset + size]
    for call in (
        lambda: fs.open("/streams/log", os.O_WRONLY),
        lambda: fs.open("/streams/log", Append | os.O_TRUNC),
        lambda: fs.truncate("/streams/log", 0),
        lambda: fs.unlink("/streams/log"),
        lambda: fs.rename("/streams/log", "/streams/other"),
        lambda: fs.mkdir("/streams/folder", 0o755),
        lambda: fs.create("/streams/events", 0o644),
        lambda: fs.open("/streams/events", Append),
    ):
        fails(errno.EPERM, call)
    assert fs.getattr("/streams/log")["st_size"] == len(whole)


def test_a_small_append_stores_no_more_than_itself(fs: Filesystem, store: EventStore) -> None:
    fs.release("/streams/log", fs.create("/streams/log", 0o644))
    for number in range(50):
        add(fs, "/streams/log", b"%02d" % number + b"x" * 1000)
    stored = store._writer.execute("SELECT sum(length(data)) FROM chunks").fetchone()[0]
    assert stored == 50 * 1002


def test_the_stream_of_events_tells_everything_that_happens_in_order(fs: Filesystem) -> None:
    put(fs, "/current/a", b"x")
    fs.mkdir("/context/p", 0o755)
    add(fs, "/shadows/a", b"1 note\n")
    fs.rename("/current/a", "/current/b")
    events = [json.loads(line) for line in get(fs, "/streams/events").splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    told = [(event["section"], event["kind"], event["path"]) for event in events[-4:]]
    assert told == [
        ("current", "write", "a"),
        ("context", "mkdir", "p"),
        ("shadows", "annotate", "a"),
        ("current", "rename", "a"),
    ]
    assert events[-1]["to"] == "b"


def test_debug_says_who_serves(fs: Filesystem) -> None:
    assert sorted(fs.readdir("/debug", 0)) == [".", "..", "backend", "errors"]
    assert get(fs, "/debug/backend").strip() == b"fusepy"
    assert get(fs, "/debug/errors") == b""
    fails(errno.EROFS, lambda: fs.open("/debug/backend", os.O_WRONLY))
    fails(errno.ENOENT, lambda: fs.open("/debug/nothing", os.O_RDONLY))


def test_an_expert_may_annotate_and_not_write(store: EventStore) -> None:
    text = json.dumps({"agents": {"expert": {"uids": [1001], "write": ["shadows", "streams"]}}})
    agents = Agents(text)
    caller = Caller(os.getuid(), 0, 1, lambda who: agents.by_uid(who.uid))
    fs = Filesystem(store, lambda: caller)
    put(fs, "/current/a", b"one\n")
    fs.mkdir("/context/p", 0o777)
    caller.uid = 1001
    add(fs, "/shadows/a", b"1 from the expert\n")
    fs.release("/streams/log", fs.create("/streams/log", 0o644))
    assert notes(fs, "/shadows/a")[0]["agent"] == "expert"
    assert get(fs, "/current/a") == b"one\n"
    for call in (
        lambda: fs.open("/current/a", os.O_RDWR),
        lambda: fs.create("/current/b", 0o644),
        lambda: fs.unlink("/current/a"),
        lambda: fs.rename("/current/a", "/current/b"),
        lambda: fs.link("/current/b", "/current/a"),
        lambda: fs.chmod("/current/a", 0o777),
        lambda: fs.utimens("/current/a", (0, 0)),
        lambda: fs.truncate("/current/a", 0),
        lambda: fs.setxattr("/current/a", "user.x", b"", 0),
        lambda: fs.removexattr("/current/a", "user.x"),
        lambda: fs.mkdir("/context/p/q", 0o755),
    ):
        fails(errno.EACCES, call)
    caller.uid = 1002
    fails(errno.EACCES, lambda: add(fs, "/shadows/a", b"1 from a stranger\n"))
