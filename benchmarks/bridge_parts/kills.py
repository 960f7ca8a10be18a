"""Random kill -9 of the Bridge and of its mount while clients write: is anything lost that was acknowledged?

A write over HTTP is acknowledged by its 2xx, one through the mount by the rename that gives it its name. Each client
writes its own files, each with a number that grows, and looks at a file before it writes it again: it must hold the
last number that was acknowledged, or one that was on its way when something was killed, and every byte must be right.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.bridge.harness import Bridge
from tests.waiting import until

KILLS = 200
CLIENTS = 4  # every other one over HTTP
FILES = 5  # of each
PATIENCE = 30.0  # seconds a client waits for a Bridge that was killed to be back


def body(number: int, generator: random.Random) -> bytes:
    """Return a content that tells its number and whether it is whole."""
    content = b"%d " % number + generator.randbytes(generator.choice((0, 100, 5000, 90_000)))
    return hashlib.sha256(content).hexdigest().encode() + b" " + content


def number_of(content: bytes) -> int:
    """Return the number that a content tells, -1 where a byte is wrong or missing."""
    digest, _, rest = content.partition(b" ")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        return -1
    return int(rest.partition(b" ")[0])


class Client(threading.Thread):
    """Writes, and remembers what was acknowledged."""

    def __init__(self, bridge: Bridge, index: int) -> None:
        super().__init__(name=f"client {index}", daemon=True)
        self._bridge = bridge
        self._over_http = index % 2 == 0
        self._names = [f"kills-{index}-{number}" for number in range(FILES)]
        self._random = random.Random(index)
        self.acknowledged: dict[str, int] = {}
        self.lost: list[str] = []
        self.interrupted = self.acknowledged_total = 0
        self.ended = False

    def run(self) -> None:
        """Write until ended, then look at everything once more."""
        number = 0
        while not self.ended:
            number += 1
            name = self._names[number % FILES]
            self._check(name, number)
            try:
                self._write(name, body(number, self._random))
            except OSError:
                self.interrupted += 1
                time.sleep(0.01)
            else:
                self.acknowledged[name] = number
                self.acknowledged_total += 1
        for name in self._names:
            self._check(name, number)

    def _check(self, name: str, newest: int) -> None:
        known = self.acknowledged.get(name)
        if known is None:
            return
        content = self._read_again_and_again(name)
        found = number_of(content)
        if not known <= found <= newest:
            self.lost.append(f"{name}: {known} was acknowledged, {found} is there ({len(content)} bytes)")
            del self.acknowledged[name]

    def _read_again_and_again(self, name: str) -> bytes:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._read(name)
            except OSError:
                if time.monotonic() > deadline:
                    return b""
                time.sleep(0.02)

    def _write(self, name: str, content: bytes) -> None:
        if not self._over_http:
            new = self._bridge.current / f"{name}.new"  # to truncate the old one would be to lose it ourselves
            new.write_bytes(content)
            new.rename(self._bridge.current / name)
            return
        status, said = self._bridge.request("PUT", f"/files/{name}", content)
        if status not in (201, 204):
            raise ConnectionError(f"{status}: {said[:100]!r}")

    def _read(self, name: str) -> bytes:
        if not self._over_http:
            return (self._bridge.current / name).read_bytes()
        status, content = self._bridge.request("GET", f"/files/{name}")
        if status == 503:
            raise ConnectionError(str(content[:100]))
        return content if status == 200 else b""


def kill(bridge: Bridge, generator: random.Random) -> str:
    """Kill the Bridge or the process of its mount, and bring the Bridge back if it was killed."""
    assert bridge.process is not None
    victim = bridge.health().get("mount_pid") if generator.random() < 0.5 else None
    if victim:
        os.kill(victim, signal.SIGKILL)  # the Bridge itself replaces it
        until(lambda: (told := bridge.health()).get("status") == "ok" and told["mount_pid"] != victim, PATIENCE)
        return "mount"
    bridge.process.kill()
    bridge.process.wait()
    bridge.start(wait=False)
    until(lambda: bridge.health().get("status") == "ok", PATIENCE)
    return "bridge"


def kills() -> dict[str, Any]:
    """Kill at random instants and return how many acknowledged writes were lost."""
    generator = random.Random(4)
    killed = {"mount": 0, "bridge": 0}
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        bridge = Bridge(Path(folder), Path(folder) / "store.db", "pyfuse3", LIGHTHOUSE_DRAIN_TIMEOUT="1")
        try:
            bridge.start()
            clients = [Client(bridge, index) for index in range(CLIENTS)]
            for client in clients:
                client.start()
            for number in range(KILLS):
                time.sleep(generator.random() * 0.4)
                killed[kill(bridge, generator)] += 1
                if number % 20 == 19:
                    print(f"{number + 1} kills, {sum(len(c.lost) for c in clients)} lost", file=sys.stderr)
            for client in clients:
                client.ended = True
            for client in clients:
                client.join(2 * PATIENCE)
                if client.is_alive():
                    raise SystemExit(f"{client.name} hangs")
        finally:
            bridge.clean_up()
    lost = [each for client in clients for each in client.lost]
    answer = {
        "kills": sum(killed.values()),
        "kills_of_bridge": killed["bridge"],
        "kills_of_mount": killed["mount"],
        "acknowledged_writes": sum(client.acknowledged_total for client in clients),
        "interrupted_writes": sum(client.interrupted for client in clients),
        "lost_writes": len(lost),
        "losses": lost[:5],
    }
    return {**answer, "unmet": [f"{len(lost)} acknowledged writes were lost"] if lost else []}
