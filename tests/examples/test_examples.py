"""Every example mounts on both backends and does what its page says."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from dualfuse.functional import run as run_functional
from tests.dualfuse.served import BACKENDS, serve

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = [pytest.mark.fuse, pytest.mark.parametrize("backend", BACKENDS)]


def test_loopback(tmp_path: Path, backend: str) -> None:
    under = tmp_path / "under"
    under.mkdir()
    with serve("examples.loopback:Loopback", tmp_path / "m", backend, [f"root={under}"]) as daemon:
        report = run_functional(daemon.mountpoint)
        (tmp_path / "m" / "greeting").write_text("hello")
    assert (report.failed, (under / "greeting").read_text()) == ([], "hello")


def test_memory(tmp_path: Path, backend: str) -> None:
    place = tmp_path / "m"
    with serve("examples.memory:Memory", place, backend):
        (place / "a").mkdir()
        (place / "a" / "file").write_bytes(b"0123456789" * 1000)
        with (place / "a" / "file").open("r+b") as file:
            file.seek(20_000)
            file.write(b"end")
        (place / "a").rename(place / "b")
        assert [each.name for each in place.iterdir()] == ["b"]
        assert (place / "b" / "file").read_bytes() == b"0123456789" * 1000 + bytes(10_000) + b"end"
        with pytest.raises(OSError, match="not empty"):
            (place / "b").rmdir()
        (place / "b" / "file").unlink()
        (place / "b").rmdir()
        assert list(place.iterdir()) == []


def test_hello(tmp_path: Path, backend: str) -> None:
    with serve("examples.hello:Hello", tmp_path / "m", backend):
        assert (tmp_path / "m" / "hello").read_text() == "Hello from dualfuse.\n"
        assert [each.name for each in (tmp_path / "m").iterdir()] == ["hello"]


def test_a_slow_coroutine_keeps_nobody_waiting(tmp_path: Path, backend: str) -> None:
    place = tmp_path / "m"
    with serve("examples.async_clock:Clock", place, backend):
        assert sorted(each.name for each in place.iterdir()) == ["in-1", "in-2", "now"]
        waiting = threading.Thread(target=(place / "in-2").read_text)
        start = time.monotonic()
        waiting.start()
        assert (place / "now").read_text().startswith("20")
        assert waiting.is_alive()
        waiting.join()
        assert time.monotonic() - start >= 2


def test_an_example_is_short(backend: str) -> None:
    for file in EXAMPLES.glob("*.py"):
        assert len(file.read_text().splitlines()) < 120, file
