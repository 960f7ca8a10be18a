"""A client that watches while traffic is moved: it asks the router and the live path over and over.

It is a process of its own, because a moved mount may hang. It asks at its own pace; on a line of standard input it asks
on behalf of every client at once; it stops when standard input is closed, and then prints what it counted as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

PAUSE = 0.005  # seconds between rounds
CLIENTS = 25  # client ids: enough to land on both sides at 10%
PATIENCE = 5.0  # seconds for one request


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a witness counted."""

    requests: int = 0
    failed: int = 0
    errors: tuple[str, ...] = ()


class Witness:
    """Watches for as long as the `with` block lasts; `usable` is False where it could not even begin."""

    def __init__(self, port: int, live: Path) -> None:
        self._arguments = [f"http://127.0.0.1:{port}/health", str(live)]
        self.usable = False
        self.saw = Witnessed()

    def __enter__(self) -> Witness:
        command = [sys.executable, "-I", "-S", __file__, *self._arguments]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        assert self._child.stdout is not None
        ready, _, _ = select.select([self._child.stdout], [], [], PATIENCE)
        self.usable = bool(ready) and self._child.stdout.readline().strip() == b"watching"
        return self

    def every_client(self) -> None:
        """Have every client ask once now, and return when they have, or after some seconds."""
        if not self.usable:
            return
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(b"every client\n")
        self._child.stdin.flush()
        if select.select([self._child.stdout], [], [], PATIENCE * 2)[0]:
            self._child.stdout.readline()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            out, _ = self._child.communicate(timeout=PATIENCE + 1)
        except subprocess.TimeoutExpired:
            self._child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(0.2)
            self.saw = Witnessed(1, 1, ("a request never came back",))
            return
        if self.usable:
            counted = json.loads(out.splitlines()[-1])
            self.saw = Witnessed(counted["requests"], counted["failed"], tuple(counted["errors"]))


class _Watch:
    """Asks in rounds and counts."""

    def __init__(self, url: str, live: Path) -> None:
        self._url = url
        self._live = live
        self.requests = 0
        self.errors: Counter[str] = Counter()

    def round(self) -> None:
        self._count("router", self._ask_router)
        self._count("live path", self._list_live_path)

    def _count(self, name: str, question: Callable[[], None]) -> None:
        self.requests += 1
        try:
            question()
        except OSError as error:  # urllib's errors are OSErrors too
            self.errors[f"{name}: {error}"] += 1

    def _ask_router(self) -> None:
        client = f"witness-{self.requests // 2 % CLIENTS}"
        request = urllib.request.Request(self._url, headers={"X-Client-Id": client})
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            response.read()

    def _list_live_path(self) -> None:
        for _ in self._live.iterdir():
            pass


def main() -> None:
    """Watch until standard input is closed."""
    watch = _Watch(sys.argv[1], Path(sys.argv[2]))
    watch.round()
    if watch.errors:
        return  # it cannot tell a failure of the drill from one that was there before
    _tell("watching")
    while True:
        if select.select([sys.stdin], [], [], PAUSE)[0]:
            if not os.read(sys.stdin.fileno(), 100):
                break
            for _ in range(CLIENTS):
                watch.round()
            _tell("asked")
        watch.round()
    counted = {"requests": watch.requests, "failed": watch.errors.total(), "errors": list(watch.errors)[:5]}
    _tell(json.dumps(counted))


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
