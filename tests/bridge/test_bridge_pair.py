"""Two Bridges on one store, one of each backend: what a client is promised when it is moved between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridge.harness import BACKENDS, Bridge, cleaned
from tests.waiting import until

pytestmark = pytest.mark.fuse


@pytest.fixture(scope="module")
def pair(short_root: Path) -> Iterator[tuple[Bridge, Bridge]]:
    folder = short_root / "pair"
    folder.mkdir()
    one, two = (Bridge(folder / backend, folder / "store.db", backend) for backend in BACKENDS)
    with cleaned(one, two):
        one.start()
        two.start()
        yield one, two


def test_a_client_that_is_moved_never_reads_less_than_it_wrote(pair: tuple[Bridge, Bridge]) -> None:
    failures: list[str] = []

    def client(name: str) -> None:
        for number in range(40):
            here, there = pair[number % 2], pair[1 - number % 2]
            body = f"{name} {number} ".encode() * (1 + number * 31 % 90)
            path = f"{name}/{number % 3}"
            if number % 4 < 2:
                status, _ = here.request("PUT", f"/files/{path}", body)
                if status not in (201, 204):
                    failures.append(f"PUT {path}: {status}")
            else:
                (here.current / path).write_bytes(body)
            if there.request("GET", f"/files/{path}") != (200, body):
                failures.append(f"{path} by HTTP after {number}")
            folder = os.open(there.current / name, os.O_RDONLY | os.O_DIRECTORY)
            try:
                if os.stat(str(number % 3), dir_fd=folder).st_size != len(body):
                    failures.append(f"size of {path} after {number}")
            finally:
                os.close(folder)
            if (there.current / path).read_bytes() != body:
                failures.append(f"{path} by mount after {number}")

    clients = [threading.Thread(target=client, args=(f"client{number}",)) for number in range(4)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert failures == []


def test_logs_appended_through_both_keep_every_line(pair: tuple[Bridge, Bridge]) -> None:
    (pair[0].current / "log").touch()

    def append(bridge: Bridge, name: str) -> None:
        with (bridge.current / "log").open("ab", buffering=0) as log:
            for number in range(60):
                log.write(f"{name} {number}\n".encode())

    writers = [threading.Thread(target=append, args=(side, name)) for side, name in zip(pair, "ab", strict=True)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for side in pair:
        lines = side.request("GET", "/files/log")[1].decode().splitlines()
        assert len(lines) == 120
        for name in "ab":
            assert [line for line in lines if line[0] == name] == [f"{name} {number}" for number in range(60)]


@pytest.mark.parametrize("reader", [0, 1])
def test_tail_f_follows_a_stream_that_grows_through_the_other_bridge(
    pair: tuple[Bridge, Bridge], tmp_path: Path, reader: int
) -> None:
    here, there = pair[reader].mount / f"streams/tailed{reader}", pair[1 - reader].mount / f"streams/tailed{reader}"
    there.touch()
    seen = tmp_path / "seen"
    with seen.open("wb") as out:
        tail = subprocess.Popen(["tail", "-n", "+1", "-s", "0.05", "-f", str(here)], stdout=out)
    try:
        for number in range(3):
            with there.open("ab", buffering=0) as stream:
                stream.write(b"%d\n" % number)
            until(lambda number=number: seen.read_bytes().endswith(b"%d\n" % number))  # type: ignore[misc]
        assert seen.read_bytes() == b"0\n1\n2\n"
    finally:
        tail.kill()
        tail.wait()


def test_the_backends_pass_the_parity_suite_on_the_bridges_own_file_system(pair: tuple[Bridge, Bridge]) -> None:
    command = [sys.executable, "-m", "dualfuse.parity", *(str(side.current) for side in pair), "--steps", "120"]
    done = subprocess.run(command, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["differences"], told["against_plain"]) == ([], [])
    assert told["ok"]
