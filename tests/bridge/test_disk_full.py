"""The disk under the store is full: clients are told so, nothing that was acknowledged is lost, and it recovers."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from bridge.store.replay import differences
from tests.bridge.harness import BACKENDS, Bridge, cleaned

pytestmark = [pytest.mark.fuse, pytest.mark.root]

SMALL, ROOMY = "6m", "40m"


@pytest.fixture
def disk(short_tmp: Path) -> Iterator[Path]:
    path = short_tmp / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "lighthouse-test", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


def written(path: Path, content: bytes) -> int:
    """Write and fsync a file; return 0, or the errno with which the client was told that it did not work."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except OSError as error:
        return error.errno or -1
    told = 0
    try:
        os.write(file, content)
        os.fsync(file)
    except OSError as error:
        told = error.errno or -1
    try:
        os.close(file)
    except OSError as error:
        told = told or error.errno or -1
    return told


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_full_disk_is_said_and_survived(disk: Path, short_tmp: Path, backend: str) -> None:
    bridge = Bridge(short_tmp / "b", disk / "store.db", backend)
    with cleaned(bridge):
        bridge.start()
        kept: dict[str, str] = {}
        refusals: set[int] = set()
        for number in range(200):
            name, content = f"f{number}", os.urandom(100_000)
            told = written(bridge.current / name, content)
            if told:
                refusals.add(told)
                break
            kept[name] = sha256(content).hexdigest()
        assert refusals == {errno.ENOSPC}
        assert len(kept) > 10
        assert bridge.request("PUT", "/files/by-http", os.urandom(100_000))[0] == 507
        assert bridge.request("POST", "/streams/talk", os.urandom(100_000))[0] == 507
        assert bridge.health()["status"] == "ok"  # reading goes on
        assert "database or disk is full" in (bridge.mount / "debug/errors").read_text()
        for name, digest in kept.items():
            assert sha256((bridge.current / name).read_bytes()).hexdigest() == digest

        subprocess.run(["mount", "-o", f"remount,size={ROOMY}", str(disk)], check=True)
        assert bridge.request("PUT", "/files/by-http", b"room again")[0] in (201, 204)
        assert written(bridge.current / "after", b"room again") == 0
        assert bridge.stop() == 0
        again = Bridge(short_tmp / "again", disk / "store.db", backend)
        with cleaned(again):
            again.start()
            for name, digest in kept.items():
                assert sha256((again.current / name).read_bytes()).hexdigest() == digest
            assert (again.current / "after").read_bytes() == b"room again"
            assert again.stop() == 0
    with closing(sqlite3.connect(disk / "store.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert differences(store) == []
