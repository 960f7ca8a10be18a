"""Counting and timing: every operation lands in one bucket, errors are told from answers, the tap never disturbs."""

from __future__ import annotations

import errno
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dualfuse.guard import Guard, guard
from dualfuse.instrument import BUCKETS, Instrument
from dualfuse.mounts import mount_at
from dualfuse.operations import OPERATIONS, FuseOSError, Operations
from dualfuse.samples.memory import Memory
from tests.dualfuse.connections import waiting
from tests.dualfuse.served import serve, wait_for


class Mixed(Operations):
    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path == "/absent":
            raise FuseOSError(errno.ENOENT)
        if path == "/broken-disk":
            raise FuseOSError(errno.EIO)
        if path == "/bug":
            raise ZeroDivisionError
        if path == "/slow":
            time.sleep(0.012)  # lands in the bucket up to 25 ms
        return {"st_mode": 0o100644}


def test_the_buckets_hold_what_the_criteria_need() -> None:
    assert BUCKETS[0] == 0.00001
    assert BUCKETS[-1] == 5.0
    assert {0.001, 0.005, 0.01, 1.0} <= set(BUCKETS)
    assert list(BUCKETS) == sorted(BUCKETS)


def test_counts_errors_and_buckets() -> None:
    instrument: Any = Instrument(Mixed(), "pyfuse3")
    instrument.getattr("/ok", None)
    instrument.getattr("/slow", None)
    for path, number in (("/absent", errno.ENOENT), ("/broken-disk", errno.EIO), ("/bug", errno.EIO)):
        with pytest.raises(OSError) as caught:
            instrument.getattr(path, None)
        assert caught.value.errno == number
    snapshot = json.loads(json.dumps(instrument.snapshot()))
    assert snapshot["backend"] == "pyfuse3"
    assert snapshot["exceptions"] == 1
    assert set(snapshot["operations"]) == set(OPERATIONS)
    seen = snapshot["operations"]["getattr"]
    assert (seen["ok"], seen["error"]) == (3, 2)
    assert sum(seen["buckets"]) == 5
    assert len(seen["buckets"]) == len(BUCKETS) + 1
    assert seen["buckets"][BUCKETS.index(0.025)] == 1
    assert seen["seconds"] >= 0.012


def test_the_tap_sees_answers_and_errors_and_cannot_break_them() -> None:
    seen: list[tuple[str, tuple[Any, ...]]] = []

    def tap(operation: str, args: tuple[Any, ...]) -> None:
        seen.append((operation, args))
        raise RuntimeError("an observer with a bug")

    instrument: Any = Instrument(Mixed(), tap=tap)
    assert instrument.getattr("/ok", None)["st_mode"] == 0o100644
    with pytest.raises(OSError, match="No such file"):
        instrument.getattr("/absent", None)
    assert seen == [("getattr", ("/ok", None)), ("getattr", ("/absent", None))]


def test_threads_lose_no_counts() -> None:
    instrument: Any = Instrument(Memory())
    threads = [threading.Thread(target=lambda: [instrument.getattr("/", None) for _ in range(5000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = instrument.snapshot()["operations"]["getattr"]
    assert seen["ok"] == sum(seen["buckets"]) == 20_000


def test_an_instrument_is_a_guard_and_not_guarded_twice() -> None:
    instrument = Instrument(Mixed())
    assert guard(instrument) is instrument
    assert isinstance(guard(Mixed()), Guard)
    assert instrument.implements("getattr")
    assert not instrument.implements("flush")
    assert Instrument(Memory()).use_ns


@pytest.mark.fuse
def test_counts_of_a_real_mount(tmp_path: Path, backend: str) -> None:
    log = tmp_path / "log"
    with serve("tests.dualfuse.odd:Counted", tmp_path / "m", backend, [f"log={log}"]) as daemon:
        for number in range(5):
            Path(daemon.mountpoint, f"f{number}").write_bytes(b"x")
        mount = mount_at(str(daemon.mountpoint))
        assert mount is not None
        wait_for(lambda: waiting(mount.minor) == 0, "the last release, which no close waits for")
    snapshot = json.loads(log.read_text())
    operations = snapshot["operations"]
    assert snapshot["exceptions"] == 0
    assert {name: operations[name]["ok"] for name in ("create", "write", "release")} == dict.fromkeys(
        ("create", "write", "release"), 5
    )
    assert sum(each["error"] for each in operations.values()) == 0


def test_what_takes_long_is_slow_before_it_is_over_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, leave = threading.Event(), threading.Event()
    now = [100.0]
    monkeypatch.setattr("dualfuse.instrument.perf_counter", lambda: now[0])

    class Stuck(Operations):
        def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
            entered.set()
            leave.wait(10)
            return {"st_mode": 0o100644}

    instrument: Any = Instrument(Stuck())
    thread = threading.Thread(target=lambda: instrument.getattr("/", None))
    thread.start()
    entered.wait(10)
    said = []
    for seconds in (0.9, 1.2, 4.0):
        now[0] = 100.0 + seconds
        snapshot = instrument.snapshot()
        counted = snapshot["operations"]["getattr"]["buckets"]
        said.append((round(snapshot["oldest"], 1), sum(counted), counted[BUCKETS.index(1.0) + 1]))
    leave.set()
    thread.join()
    after = instrument.snapshot()
    seen = after["operations"]["getattr"]
    assert said == [(0.9, 0, 0), (1.2, 1, 1), (4.0, 1, 1)]
    assert (after["oldest"], seen["ok"], sum(seen["buckets"])) == (0.0, 1, 1)
