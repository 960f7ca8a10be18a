"""Coroutines as operations, on both backends and both event loops, side by side and beside blocking ones."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dualfuse.asynchronous import Portal, asynchronous_operations, library_of
from dualfuse.context import fuse_get_context
from dualfuse.instrument import Instrument
from dualfuse.mounts import mount_at
from dualfuse.operations import FuseOSError
from dualfuse.samples.async_loopback import AsyncLoopback
from tests.dualfuse.connections import waiting
from tests.dualfuse.served import serve, wait_for
from tests.dualfuse.structured import OnTrio

TOGETHER = 6


class Asyncio:
    """Coroutines, an asynchronous generator, and one blocking operation that runs a loop of its own."""

    async_library = "asyncio"

    def __init__(self) -> None:
        self._data = b""
        self._inside: set[str] = set()

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        asyncio.run(self._nothing())  # would fail on a thread whose loop is running
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755}
        if path.startswith("/absent"):
            raise FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o644, "st_size": 100}

    async def _nothing(self) -> None:
        return None

    async def readdir(self, path: str, fh: int) -> AsyncIterator[str]:
        for name in (".", "..", "one", "two"):
            await self._sleep(0)
            yield name

    async def open(self, path: str, flags: int) -> int:
        if path == "/forbidden":
            raise FuseOSError(errno.EACCES)
        return 7

    async def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        if path.startswith("/together-"):
            self._inside.add(path)
            for _ in range(6000):
                if len(self._inside) == TOGETHER:
                    break
                await self._sleep(0.01)
            else:
                raise FuseOSError(errno.ETIMEDOUT)
        if path == "/bug":
            raise KeyError(path)
        return f"{fh} {fuse_get_context()[2]}".encode()[offset:]

    async def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        await self._sleep(0)

    async def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._data = data
        return len(data)


class Trio(Asyncio):
    """The same on trio."""

    async_library = "trio"

    async def _sleep(self, seconds: float) -> None:
        import trio

        await trio.sleep(seconds)


def test_coroutines_are_found() -> None:
    assert asynchronous_operations(Asyncio()) == ["open", "read", "readdir", "truncate", "write"]


def test_an_instrument_counts_coroutines() -> None:
    instrument: Any = Instrument(Asyncio())
    try:
        assert instrument.open("/x", 0) == 7
        assert instrument.readdir("/", 0) == [".", "..", "one", "two"]
        with pytest.raises(OSError, match="denied"):
            instrument.open("/forbidden", 0)
        assert instrument.snapshot()["operations"]["open"]["ok"] == 2
    finally:
        instrument.close()


def test_an_unknown_library_is_refused() -> None:
    with pytest.raises(ValueError, match="curio"):
        Portal("curio")


def test_the_library_is_declared_or_seen_by_what_the_module_imports() -> None:
    assert library_of(Trio()) == "trio"
    assert library_of(Asyncio()) == "asyncio"
    assert library_of(OnTrio()) == "trio"
    assert library_of(AsyncLoopback("/")) == "asyncio"


@pytest.mark.fuse
@pytest.mark.parametrize("kind", ["OnTrio", "Mixed"])
def test_what_trio_offers_works_within_operations(tmp_path: Path, backend: str, kind: str) -> None:
    arguments = [f"log={tmp_path / 'end'}"]
    with serve(f"tests.dualfuse.structured:{kind}", tmp_path / "m", backend, arguments) as daemon:
        place = Path(daemon.mountpoint)
        assert (place / "nursery").read_bytes() == b"[1, 2, 3]"
        assert (place / "deadline").read_bytes() == b"cancelled"
        assert (place / "blocking-call").read_bytes() == b"from a thread"
        assert (place / "caller").read_bytes() == str(os.getpid()).encode()
        for name in ("failing-nursery", "too-slow"):
            with pytest.raises(OSError, match="Input/output error"):
                (place / name).read_bytes()
        answers: list[bytes] = []
        waiting = threading.Thread(target=lambda: answers.append((place / "await-event").read_bytes()))
        waiting.start()
        assert (place / "set-event").read_bytes() == b"set"
        waiting.join(5)
        assert answers == [b"opened"]
        assert (place / "threads").read_bytes() == b"1"
        assert "ValueError: in a child task" in daemon.output()
        assert daemon.stop() == 0
    assert (tmp_path / "end").read_text() == "/"


@pytest.mark.fuse
def test_coroutines_alone_are_served_by_trio_itself(tmp_path: Path) -> None:
    """No portal and no followers: the main thread waits, the other one serves, also while many operations sleep."""
    with serve("tests.dualfuse.structured:OnTrio", tmp_path / "m", "pyfuse3", options=["entry_timeout=0"]) as daemon:
        place = Path(daemon.mountpoint)
        *some, last = (place / f"together-{number}" for number in range(OnTrio.TOGETHER))
        with ThreadPoolExecutor(24) as clients:
            answers = [clients.submit(file.read_bytes) for file in some]
            renames = [clients.submit(os.rename, place / f"a{n}", place / f"b{n}") for n in range(12)]
            assert not (place / "absent").exists()
            assert len(list(Path(f"/proc/{daemon.pid}/task").iterdir())) == 2
            answers.append(clients.submit(last.read_bytes))
            assert [answer.result() for answer in answers] == [b"together"] * OnTrio.TOGETHER
            assert [rename.result() for rename in renames] == [None] * 12
        assert daemon.stop() == 0


@pytest.mark.fuse
@pytest.mark.parametrize("name", ["hang", "block"])
def test_an_operation_that_never_ends_does_not_keep_the_daemon(tmp_path: Path, name: str) -> None:
    """On pyfuse3; libfuse2 waits for the operation, see docs/differences.md."""
    with serve("tests.dualfuse.structured:OnTrio", tmp_path / "m", "pyfuse3") as daemon:
        errors: list[OSError] = []

        def read() -> None:
            try:
                Path(daemon.mountpoint, name).read_bytes()
            except OSError as error:
                errors.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        mount = mount_at(daemon.mountpoint)
        assert mount is not None
        wait_for(lambda: bool(waiting(mount.minor)), "the operation to begin")
        assert daemon.stop(30) == 0
        reader.join(5)
        assert len(errors) == 1


@pytest.mark.fuse
@pytest.mark.parametrize("kind", ["Asyncio", "Trio"])
def test_coroutines_on_a_mount(tmp_path: Path, backend: str, kind: str) -> None:
    with serve(f"tests.dualfuse.test_asynchronous:{kind}", tmp_path / "m", backend) as daemon:
        place = Path(daemon.mountpoint)
        assert sorted(os.listdir(place)) == ["one", "two"]  # noqa: PTH208
        assert (place / "one").read_bytes() == f"7 {os.getpid()}".encode()
        (place / "one").write_bytes(b"data")
        with pytest.raises(PermissionError):
            (place / "forbidden").read_bytes()
        with pytest.raises(OSError, match="Input/output error"):
            (place / "bug").read_bytes()
        *some, last = (place / f"together-{number}" for number in range(TOGETHER))
        with ThreadPoolExecutor(TOGETHER) as readers:
            answers = [readers.submit(file.read_bytes) for file in some]
            assert (place / "one").read_bytes()
            answers.append(readers.submit(last.read_bytes))
            assert all(answer.result() for answer in answers)
        assert daemon.stop() == 0
