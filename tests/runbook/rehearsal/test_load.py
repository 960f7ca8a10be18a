"""The load as its own process against a real service: it counts, it verifies, and it sees what goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runbook.rehearsal import ledger
from runbook.rehearsal.ledger import Totals
from tests.runbook.rehearsal.service import Service


class Running:
    """The load at work on a service."""

    def __init__(self, service: Service, file: Path, *options: str) -> None:
        self.service = service
        self.file = file
        command = [sys.executable, "-m", "runbook.rehearsal.load", "--url", service.url, "--live", str(service.live)]
        self.process = subprocess.Popen(
            [*command, "--ledger", str(file), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def until(self, holds: Callable[[Totals], bool], seconds: float = 60) -> Totals:
        deadline = time.monotonic() + seconds
        while True:
            if self.file.exists() and holds(totals := ledger.read(self.file)):
                return totals
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, self.file.exists() and ledger.read(self.file)
            time.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> Totals:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        assert (self.process.returncode, err) == (0, ""), err
        totals = ledger.read(self.file)
        assert totals.finished
        assert f"{totals.operations} operations, {totals.failed} failed" in out
        return totals


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "live").mkdir()
    made = Service(tmp_path / "live")
    yield made
    made.close()


@pytest.fixture
def load(service: Service, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*options: str) -> Running:
        started.append(Running(service, tmp_path / "ledger.json", *options))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


def test_a_sound_service_has_no_failed_operation(service: Service, load: Callable[..., Running]) -> None:
    running = load("--hold", "0.2", "--rate", "300")
    running.until(lambda totals: totals.operations > 900 and len(service.clients) >= 200)
    totals = running.end()
    assert totals.failures == ()
    assert totals.failed == 0
    by_router = {"http.get", "http.put", "http.delete", "http.list"}
    by_mount = {"create", "read", "append", "replace", "rename", "unlink", "list", "stat", "held-read", "held-list"}
    assert by_router | {f"mount.{kind}" for kind in by_mount} <= set(totals.by_kind)
    assert sum(totals.by_kind.values()) == totals.operations
    assert len(service.clients) >= 200


def test_the_pace_is_kept(load: Callable[..., Running]) -> None:
    running = load("--rate", "100", "--holders", "0")
    rate, before = 0.0, running.until(lambda totals: totals.operations > 30)
    for _ in range(20):  # on a busy machine some seconds are slow, none is too fast
        after = running.until(lambda totals, before=before: totals.written > before.written + 2)  # type: ignore[misc]
        rate, before = (after.operations - before.operations) / (after.written - before.written), after
        if rate > 75:
            break
    assert 75 < rate < 115
    assert running.end(signal.SIGINT).failed == 0


@pytest.mark.parametrize(
    ("fault", "kind", "error"),
    [
        ("byte", "http.get", "wrong bytes"),
        ("status", "http.get", "HTTP status 503"),
        ("list", "http.list", "listing lacks"),
        ("cut", "http.get", "RemoteDisconnected"),
        ("lost", "mount.read", "the file is not there"),
    ],
)
def test_what_goes_wrong_over_http_is_seen(
    service: Service, load: Callable[..., Running], fault: str, kind: str, error: str
) -> None:
    running = load("--rate", "200")
    assert running.until(lambda totals: totals.operations > 100).failed == 0
    service.fault = fault
    running.until(lambda totals: any(f.kind == kind and error in f.error for f in totals.failures))
    totals = running.end(signal.SIGINT)
    assert 0 < totals.failed < totals.operations
    assert all(failure.path.startswith("load-") for failure in totals.failures)


def test_one_wrong_byte_in_one_file_is_seen_by_both_ways(service: Service, load: Callable[..., Running]) -> None:
    running = load("--rate", "60", "--clients", "1", "--holders", "0")
    running.until(lambda totals: totals.operations > 100)
    running.process.send_signal(signal.SIGSTOP)
    file = max(service.folder.glob("load-*/c0/f*"), key=lambda found: found.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x40
    file.write_bytes(content)
    running.process.send_signal(signal.SIGTERM)  # the last reading must find it, whatever comes before
    running.process.send_signal(signal.SIGCONT)
    running.process.wait(20)
    totals = ledger.read(running.file)
    seen = {failure.kind for failure in totals.failures if f"the first at {len(content) // 2}" in failure.error}
    assert {"http.get", "mount.read"} <= seen
    assert all(failure.path.endswith(file.name) for failure in totals.failures)


def test_a_held_file_whose_bytes_change_is_seen(service: Service, load: Callable[..., Running]) -> None:
    running = load("--rate", "150", "--clients", "1", "--holders", "1", "--hold", "1.0")
    deadline = time.monotonic() + 10
    while not (held := [file for file in service.folder.glob("load-*/h0/r*") if file.stat().st_size == 20_000]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with held[0].open("r+b") as file:
        file.write(b"\0" * 32)
    totals = running.until(lambda totals: totals.failed > 0)
    assert totals.failures[0].kind == "mount.held-read"
    running.end(signal.SIGINT)


def test_an_operation_that_never_ends_is_counted_once_and_does_not_keep_the_load(
    service: Service, load: Callable[..., Running]
) -> None:
    running = load("--limit", "0.5", "--clients", "2", "--holders", "0", "--rate", "100")
    running.until(lambda totals: totals.operations > 50)
    service.fault = "hang"
    totals = running.until(lambda totals: totals.failed >= 2)
    assert all("no answer within" in failure.error for failure in totals.failures)
    at_most = 2 * (1 + (time.time() - min(failure.at for failure in totals.failures)) / 0.5)
    assert totals.failed <= at_most  # one for each hanging request, not one for each look of the watchdog
    running.end()


def test_a_mount_that_hangs_does_not_keep_the_load(service: Service, load: Callable[..., Running]) -> None:
    running = load("--limit", "0.3", "--clients", "1", "--holders", "0", "--rate", "100")
    running.until(lambda totals: totals.operations > 50)
    for file in service.folder.glob("load-*/c0/f*"):  # opening a pipe that nobody writes to blocks like a hung mount
        file.unlink()
        os.mkfifo(file)
    running.until(lambda totals: any("no answer" in f.error and f.kind.startswith("mount.") for f in totals.failures))
    running.end()  # which takes no more than 20 s, while the pipes block for ever


def test_the_ledger_counts_from_many_threads(tmp_path: Path) -> None:
    book = ledger.Ledger(tmp_path / "ledger.json")

    def work(number: int) -> None:
        for step in range(500):
            if step % 100 == 99:
                book.failed("b", f"{number}/{step}", 0.2, "x")
            else:
                book.passed("a", f"{number}/{step}", step / 1e6)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = book.write(finished=True)
    assert written == ledger.read(tmp_path / "ledger.json")
    assert (written.operations, written.failed, written.by_kind) == (4000, 40, {"a": 3960, "b": 40})
    assert len(written.failures) == 40
    assert [entry.seconds for entry in written.slowest] == [0.2] * 10
