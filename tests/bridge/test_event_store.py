"""The event store: what is written down, replayed, shared between processes and refused."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bridge.cache import Cache
from bridge.store import feed
from bridge.store.event_store import EventStore
from bridge.store.past import event_at
from bridge.store.replay import differences, replayed
from bridge.store.schema import CHUNK, StoreError, connect
from bridge.store.tree import Tree


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_each_change_is_an_event_with_agent_path_and_order(path: Path) -> None:
    store = EventStore(path)
    with store.change("uid:7") as change:
        node = change.make(b"a", 0o100644, 7, 7)
        change.write(node.id, b"a", [(0, b"hello")], 5)
    with store.change("uid:8") as change:
        change.rename(b"a", b"b")
    with store.reader() as reader:
        events = feed.events(reader, after=1)
    store.close()
    assert [(event.seq, event.agent, event.kind, event.path) for event in events] == [
        (2, "uid:7", "create", b"a"),
        (3, "uid:7", "write", b"a"),
        (4, "uid:8", "rename", b"a"),
    ]
    assert {event.node for event in events} == {2}
    assert events[1].detail["size"] == 5
    assert events[2].detail["to"] == "b"


def test_a_change_that_fails_leaves_neither_tree_nor_event(path: Path) -> None:
    store = EventStore(path)
    with pytest.raises(FileNotFoundError), store.change("tester") as change:
        change.make(b"a", 0o100644, 0, 0)
        change.unlink(b"missing")
    with store.read() as tree:
        assert tree.names(1) == []
        assert feed.tail(tree.connection)[0] == 1
    store.close()


def test_a_byte_written_to_a_file_of_100_mb_stores_one_chunk(path: Path) -> None:
    store = EventStore(path)
    with store.change("tester") as change:
        node = change.make(b"a", 0o100644, 0, 0)
    for offset in range(0, 100_000_000, 4_000_000):
        with store.change("tester") as change:
            change.write(node.id, b"a", [(offset, os.urandom(4_000_000))], 1)
    chunks, stored = store._writer.execute("SELECT count(*), sum(length(data)) FROM chunks").fetchone()
    with store.change("tester") as change:
        change.write(node.id, b"a", [(50_000_003, b"!")], 2)
    after, now_stored = store._writer.execute("SELECT count(*), sum(length(data)) FROM chunks").fetchone()
    assert (after - chunks, now_stored - stored) == (1, CHUNK)
    with store.read() as tree:
        assert tree.node(node.id).size == 100_000_000
        assert bytes(tree.read(node.id, 50_000_003, 1)[1]) == b"!"
    store.close()


def test_equal_content_is_stored_once(path: Path) -> None:
    store = EventStore(path)
    with store.change("tester") as change:
        for name in (b"a", b"b"):
            change.write(change.make(name, 0o100644, 0, 0).id, name, [(0, b"same" * CHUNK)], 1)
    assert store._writer.execute("SELECT count(*) FROM chunks").fetchone()[0] == 1
    store.close()


def test_the_tree_can_be_replayed_to_any_event(path: Path) -> None:
    store = EventStore(path)
    with store.change("tester") as change:
        change.make(b"a", 0o100644, 0, 0)
    with store.change("tester") as change:
        change.unlink(b"a")
    then = Tree(replayed(store._writer, until=2))
    assert then.names(1) == [b"a"]
    assert Tree(replayed(store._writer)).names(1) == []
    store.close()


def test_an_instant_is_the_last_event_up_to_it_and_settled_once_a_later_one_is_known(path: Path) -> None:
    store = EventStore(path)
    times = []
    for name in (b"a", b"b", b"c"):
        with store.change("tester") as change:
            change.make(name, 0o100644, 0, 0)
            times.append(change.now)
    born = feed.events(store._writer)[0].time
    now = times[-1] + 10
    for instant, expected in (
        (born, (1, True)),
        (times[0] - 1, (1, True)),
        (times[0], (2, True)),
        (times[1], (3, True)),
        (times[2], (4, False)),
        (now, (4, False)),
    ):
        assert event_at(store._writer, instant, now) == expected
    for instant in (born - 1, now + 1):
        with pytest.raises(FileNotFoundError):
            event_at(store._writer, instant, now)
    store.close()


def test_a_clock_that_is_set_back_does_not_change_the_order_of_times(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EventStore(path)
    with store.change("tester") as change:
        change.make(b"a", 0o100644, 0, 0)
        before = change.now
    monkeypatch.setattr("bridge.store.changes.time.time_ns", lambda: before - 3_600_000_000_000)
    with store.change("tester") as change:
        change.make(b"b", 0o100644, 0, 0)
    assert [event.time for event in feed.events(store._writer, after=1)] == [before, before]
    store.close()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_feed_is_every_event_as_a_line_from_any_byte_on(path: Path, size: int) -> None:
    store = EventStore(path)
    for number in range(250):
        with store.change("tester") as change:
            change.make(b"%d\xff" % number, 0o100644, 0, 0)
    length = feed.tail(store._writer)[2]
    expected = b"".join(feed.line(event) for event in feed.events(store._writer))
    assert length == len(expected)
    offsets = (0, 1, 777, length - size, length, length + 5)
    assert [feed.read(store._writer, at, size) for at in offsets] == [expected[at : at + size] for at in offsets]
    assert json.loads(expected.splitlines()[-1])["path"] == "249\udcff"
    store.close()


def test_content_in_the_cache_is_not_read_again(path: Path) -> None:
    cache = Cache(60.0, 100)
    store = EventStore(path, cache=cache)
    with store.change("tester") as change:
        node = change.make(b"a", 0o100644, 0, 0)
        change.write(node.id, b"a", [(0, b"x" * CHUNK + b"y")], 1)
    for _ in range(3):
        with store.read() as tree:
            assert bytes(tree.read(node.id, CHUNK - 1, 5)[1]) == b"xy"
    assert (cache.hits, cache.misses) == (4, 2)
    store.close()


def test_two_open_stores_see_each_other_at_once_and_never_lose_a_change(path: Path) -> None:
    stores = [EventStore(path), EventStore(path)]
    with stores[0].change("tester") as change:
        node = change.make(b"log", 0o100644, 0, 0)

    def work(mine: int) -> None:
        for number in range(200):
            with stores[mine].change("tester") as change:
                change.append(node.id, b"log", b"%d:%03d\n" % (mine, number))
            with stores[1 - mine].read() as tree:
                assert b"%d:%03d\n" % (mine, number) in tree.read(node.id, 0, 1 << 20)[1]

    threads = [threading.Thread(target=work, args=(mine,)) for mine in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with stores[0].read() as tree:
        lines = bytes(tree.read(node.id, 0, 1 << 20)[1]).splitlines()
    assert sorted(lines) == [b"%d:%03d" % (mine, number) for mine in (0, 1) for number in range(200)]
    for store in stores:
        store.close()


def test_several_processes_may_make_the_same_new_store(path: Path) -> None:
    code = "import sys, pathlib; from bridge.store.event_store import EventStore; EventStore(pathlib.Path(sys.argv[1]))"
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path)], stderr=subprocess.PIPE) for _ in range(6)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 6
    connection = connect(path)
    assert connection.execute("SELECT count(*) FROM events").fetchone()[0] == 1
    connection.close()


def test_a_file_that_is_no_event_store_is_refused_and_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is not an event store"):
        EventStore(path)
    assert path.read_bytes() == before
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        EventStore(path)


def test_a_store_of_a_newer_version_is_refused(path: Path) -> None:
    EventStore(path).close()
    connection = connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match="version 99"):
        EventStore(path)


def test_a_full_disk_is_enospc_and_changes_nothing(path: Path) -> None:
    store = EventStore(path)
    with store.change("tester") as change:
        node = change.make(b"a", 0o100644, 0, 0)
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count={pages + 4}")
    with pytest.raises(OSError) as caught, store.change("tester") as change:
        change.write(node.id, b"a", [(0, os.urandom(10 * CHUNK))], 1)
    assert caught.value.errno == errno.ENOSPC
    store._writer.execute("PRAGMA max_page_count=1000000")
    with store.change("tester") as change:
        change.write(node.id, b"a", [(0, b"room again")], 1)
    with store.read() as tree:
        assert bytes(tree.read(node.id, 0, 100)[1]) == b"room again"
    assert differences(store._writer) == []
    store.close()
