"""Many clients at once: renames against lookups, blocking against quick operations, and memory that comes back."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dualfuse.operations import Operations
from dualfuse.samples.memory import Memory
from tests.dualfuse.served import BACKENDS, serve, wait_for

pytestmark = pytest.mark.fuse

SECONDS = 1.5
CLIENTS = 6


class Jitter(Memory):
    """Some of the operations sleep, so that threads come and go and paths could change under a running operation."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("getattr", "read", "write", "open", "create", "release", "readdir", "rename", "unlink", "mkdir"):
            setattr(self, name, self._jittering(getattr(self, name)))

    def _jittering(self, method: Any) -> Any:
        def jittering(*args: Any) -> Any:
            chance = random.random()
            if chance < 0.04:
                time.sleep(chance / 5)
            return method(*args)

        return jittering


class Many(Operations):
    """Thirty directories of a thousand files."""

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        kind = stat.S_IFDIR | 0o755 if path.count("/") < 2 else stat.S_IFREG | 0o644
        return {"st_mode": kind, "st_nlink": 1}

    def readdir(self, path: str, fh: int) -> list[str]:
        names = [f"d{number}" for number in range(30)] if path == "/" else [f"file-{n:06}" for n in range(1000)]
        return [".", "..", *names]


class _Client(threading.Thread):
    """Works in a directory of its own and remembers what must be there; meddles with shared directories too."""

    def __init__(self, place: Path, number: int, stop: float) -> None:
        super().__init__()
        self._own = place / f"own-{number}"
        self._shared = place / "shared"
        self._random = random.Random(number)
        self._until = stop
        self._hashes: dict[str, bytes] = {}
        self.failures: list[str] = []
        self.steps = 0

    def run(self) -> None:
        try:
            self._own.mkdir()
            while time.monotonic() < self._until:
                self._random.choice([self._write, self._read, self._rename, self._unlink, self._list, self._meddle])()
                self.steps += 1
        except Exception as error:  # noqa: BLE001 - reported by the test
            self.failures.append(repr(error))

    def _write(self) -> None:
        name, data = f"f{self._random.randrange(12)}", self._random.randbytes(self._random.randrange(1, 30_000))
        (self._own / name).write_bytes(data)
        self._hashes[name] = hashlib.sha256(data).digest()

    def _some(self) -> str | None:
        return self._random.choice(sorted(self._hashes)) if self._hashes else None

    def _read(self) -> None:
        if (name := self._some()) is not None:
            assert hashlib.sha256((self._own / name).read_bytes()).digest() == self._hashes[name], name

    def _rename(self) -> None:
        if (name := self._some()) is not None:
            new = f"f{self._random.randrange(12)}"
            (self._own / name).rename(self._own / new)
            self._hashes[new] = self._hashes.pop(name)

    def _unlink(self) -> None:
        if (name := self._some()) is not None:
            (self._own / name).unlink()
            del self._hashes[name]

    def _list(self) -> None:
        assert sorted(path.name for path in self._own.iterdir()) == sorted(self._hashes)

    def _meddle(self) -> None:
        """Rename trees under each other's feet: these steps may fail, but only for a proper reason."""
        one, two = (self._shared / f"d{self._random.randrange(4)}" for _ in range(2))
        try:
            self._random.choice(
                [
                    lambda: (one / "x" / "y").mkdir(parents=True),
                    lambda: one.rename(two),
                    lambda: one.rename(two / "x"),
                    lambda: (one / "x" / "y" / "file").write_bytes(b"x" * 100),
                    lambda: (one / "x" / "y" / "file").read_bytes(),
                    lambda: [path.lstat() for path in one.rglob("*")],
                ]
            )()
        except (FileNotFoundError, FileExistsError, NotADirectoryError):
            return
        except OSError as error:
            if "not empty" not in str(error) and "Invalid argument" not in str(error):
                raise


@pytest.mark.parametrize("backend", BACKENDS)  # mfusepy: libfuse issue 746, see docs/dualfuse.md
@pytest.mark.parametrize("kind", ["dualfuse.samples.memory:Memory", "tests.dualfuse.test_races:Jitter"])
def test_clients_see_their_own_files_whatever_others_rename(tmp_path: Path, backend: str, kind: str) -> None:
    with serve(kind, tmp_path / "m", backend) as daemon:
        place = Path(daemon.mountpoint)
        (place / "shared").mkdir()
        stop = time.monotonic() + SECONDS
        clients = [_Client(place, number, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(30)
        assert not any(client.is_alive() for client in clients), "deadlock"
        assert [failure for client in clients for failure in client.failures] == []
        assert all(client.steps > 5 for client in clients)
        assert "unexpected exception" not in daemon.output()
        assert daemon.stop() == 0


@pytest.mark.root
def test_forgotten_inodes_make_room_for_new_ones(tmp_path: Path) -> None:
    def resident() -> int:
        text = Path(f"/proc/{daemon.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0])

    def below(limit: int) -> bool:
        return resident() < limit

    with serve("tests.dualfuse.test_races:Many", tmp_path / "m", "pyfuse3") as daemon:
        start = resident()
        for _ in range(3):
            for folder, _, names in os.walk(daemon.mountpoint):
                for name in names:
                    Path(folder, name).lstat()
            gained = resident() - start
            assert gained > 4_000, "30,000 nodes weigh something"
            Path("/proc/sys/vm/drop_caches").write_text("2")
            half = start + gained // 2
            wait_for(partial(below, half), "the memory of forgotten nodes to come back", 20)
