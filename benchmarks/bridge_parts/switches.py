"""A hundred switches of the backend of a Bridge that works: does any client notice, and is every byte right?"""

from __future__ import annotations

import hashlib
import http.client
import random
import signal
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.comparing.clients import Clients
from tests.bridge.harness import Bridge
from tests.waiting import until

SWITCHES = 100
CLIENTS = 4  # of the mount; a fifth works over HTTP
FILES = 12  # of each client
SIZES = (10, 4096, 70_000, 400_000)  # bytes
KINDS = ("write", "hold", "read", "read", "list", "drop")
KEPT = 5  # failures that are shown
REST = 0.002  # seconds between two operations


def client(number: int, directory: Path, stop: Any, answer: Connection, rest: float) -> None:
    """Write, hold, read back and remove files until told to stop, each compared by its hash."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    generator = random.Random(number)
    place = directory / f"client-{number}"
    place.mkdir()
    hashes: dict[str, str] = {}
    operations = verified = 0
    failures: list[str] = []
    answer.send("ready")
    while not stop.is_set():
        name, kind = (
            f"f{generator.randrange(FILES)}",
            generator.choice(("write", "hold", "read", "read", "list", "drop")),
        )
        operations += 1
        try:
            verified += act(kind, place, name, generator, hashes)
        except Exception as error:  # noqa: BLE001 - whatever it is, a client has noticed
            failures.append(f"client {number}: {kind} {name}: {error!r}")
            hashes.pop(name, None)
        time.sleep(rest)
    answer.send((operations, verified, failures))
    answer.close()


def act(kind: str, place: Path, name: str, generator: random.Random, hashes: dict[str, str]) -> int:
    """Do one thing and return how many bytes were found to be right."""
    path = place / name
    if kind in ("write", "hold"):
        content = generator.randbytes(generator.choice(SIZES))
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            if kind == "hold":  # open across a switch, perhaps
                time.sleep(generator.random() * 0.3)
                file.write(content[:100])
                content += content[:100]
        hashes[name] = hashlib.sha256(content).hexdigest()
    elif kind == "list":
        listed = {each.name for each in place.iterdir()}
        if listed != set(hashes):
            raise AssertionError(f"listed wrongly: {sorted(listed ^ set(hashes))}")
    elif name in hashes and kind == "read":
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != hashes[name]:
            raise AssertionError(f"{len(content)} bytes have another hash")
        return len(content)
    elif name in hashes:
        path.unlink()
        del hashes[name]
    return 0


def http_client(number: int, directory: Path, stop: Any, answer: Connection, rest: float) -> None:
    """Put files and get them back over HTTP; the directory's name is the port."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    generator = random.Random(number)
    connection = http.client.HTTPConnection("127.0.0.1", int(directory.name), timeout=15)
    operations = verified = 0
    failures: list[str] = []
    answer.send("ready")
    while not stop.is_set():
        path, content = f"/files/http/{generator.randrange(FILES)}", generator.randbytes(generator.choice(SIZES))
        operations += 2
        try:
            for method, body in (("PUT", content), ("GET", None)):
                connection.request(method, path, body)
                response = connection.getresponse()
                got = response.read()
                if response.status not in (200, 201, 204):
                    raise AssertionError(f"{method} {response.status}: {got[:100]!r}")
            if got != content:
                raise AssertionError(f"{len(got)} bytes are others than were put")
            verified += len(got)
        except Exception as error:  # noqa: BLE001 - whatever it is, a client has noticed
            failures.append(f"http: {path}: {error!r}")
            connection.close()
        time.sleep(rest)
    answer.send((operations, verified, failures))
    answer.close()


def switches() -> dict[str, Any]:
    """Switch to and fro under load, and return how many operations failed."""
    backends = ("pyfuse3", "fusepy")
    took = []
    with tempfile.TemporaryDirectory(prefix="switches-") as folder:
        bridge = Bridge(Path(folder), Path(folder) / "store.db", backends[1])
        try:
            bridge.start()
            with (
                Clients([bridge.current] * CLIENTS, REST, client) as clients,
                Clients([Path(str(bridge.port))], REST, http_client) as http_clients,
            ):
                for number in range(SWITCHES):
                    began = time.monotonic()
                    told = bridge.reload(LIGHTHOUSE_FUSE_BACKEND=backends[number % 2])
                    took.append(time.monotonic() - began)
                    if told["backend"] != backends[number % 2]:
                        raise SystemExit(f"switch {number}: {told['backend']} serves: {told['reason']}")
                    if number % 10 == 9:
                        print(f"{number + 1} switches", file=sys.stderr)
                answers = [*clients.stop(), *http_clients.stop()]
            until(lambda: not bridge.health()["draining"], 30)
        finally:
            bridge.clean_up()
    failures = [failure for _, _, failed in answers for failure in failed]
    answer = {
        "switches": len(took),
        "switch_seconds_median": round(sorted(took)[len(took) // 2], 3),
        "switch_operations": sum(operations for operations, _, _ in answers),
        "switch_verified_bytes": sum(verified for _, verified, _ in answers),
        "switch_failed_operations": len(failures),
        "switch_failures": failures[:KEPT],
    }
    return {**answer, "unmet": [f"{len(failures)} operations failed over switches"] if failures else []}
