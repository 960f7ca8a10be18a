"""Backups of a store in use: consistent, read back, and refused where they are not sound."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bridge.backup import BackupError, back_up, verify
from bridge.store.event_store import EventStore


def filled(path: Path, files: int = 20) -> EventStore:
    store = EventStore(path)
    for number in range(files):
        with store.change("tester") as change:
            name = f"f{number}".encode()
            change.write(change.make(name, 0o100644, 0, 0).id, name, [(0, os.urandom(70_000))], 1)
    return store


def command(*arguments: object) -> tuple[int, dict[str, object]]:
    done = subprocess.run([sys.executable, "-m", "bridge.backup", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


def test_a_copy_is_made_while_the_store_is_written_to(tmp_path: Path) -> None:
    store = filled(tmp_path / "store.db")
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with store.change("tester") as change:
                change.append(2, b"f0", b"more")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        status, told = command(tmp_path / "store.db", tmp_path / "copy.db")
    finally:
        stop.set()
        thread.join()
    assert (status, told["ok"]) == (0, True)
    content = (tmp_path / "copy.db").read_bytes()
    assert told["bytes"] == len(content)
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert int(str(told["events"])) >= 41
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == ["copy.db"]
    status, again = command("--verify", tmp_path / "copy.db")
    assert (status, again["sha256"]) == (0, told["sha256"])
    store.close()
    restored = EventStore(tmp_path / "copy.db")
    with restored.read() as tree:
        assert len(tree.names(1)) == 20
    restored.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE chunks SET data = X'00' WHERE rowid = 1", "a chunk is not what its hash says"),
        ("DELETE FROM chunks WHERE rowid = 1", "a chunk is not what its hash says"),
        ("UPDATE nodes SET size = 7 WHERE id = 2", "the table nodes"),
        ("DELETE FROM entries WHERE node = 2", "the table entries"),
        ("DELETE FROM events WHERE seq = 3", "the table"),
    ],
)
def test_a_copy_that_was_tampered_with_is_found(tmp_path: Path, statement: str, said: str) -> None:
    filled(tmp_path / "store.db", 3).close()
    back_up(tmp_path / "store.db", tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        copy.execute(statement)
    copy.close()
    with pytest.raises(BackupError, match=said):
        verify(tmp_path / "copy.db")


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    filled(tmp_path / "store.db", 5).close()
    back_up(tmp_path / "store.db", tmp_path / "copy.db")
    content = bytearray((tmp_path / "copy.db").read_bytes())
    content[8192:40960] = bytes(32768)
    (tmp_path / "copy.db").write_bytes(content)
    status, told = command("--verify", tmp_path / "copy.db")
    assert (status, told["ok"]) == (1, False)
    assert "is not a sound event store" in str(told["error"])


@pytest.mark.parametrize("name", ["missing.db", "empty.db", "text.db"])
def test_what_is_no_store_is_refused_and_nothing_left(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("no store" * 1000)
    before = sorted(path.name for path in tmp_path.iterdir())
    for arguments in ((tmp_path / name, tmp_path / "copy.db"), ("--verify", tmp_path / name)):
        status, told = command(*arguments)
        assert (status, told["ok"]) == (1, False)
        assert name in str(told["error"])
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_destination_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    filled(tmp_path / "store.db", 1).close()
    status, told = command(tmp_path / "store.db", tmp_path / "no folder" / "copy.db")
    assert (status, told["ok"]) == (1, False)
    assert "no folder" in str(told["error"])
