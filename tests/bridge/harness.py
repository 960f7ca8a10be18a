"""A real Bridge as a process, and what tests ask of it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import leaks
from tests.ports import free_ports
from tests.waiting import until

ROOT = Path(__file__).parents[2]
BACKENDS = ("fusepy", "pyfuse3")


class Bridge:
    """One instance in a folder of its own; the store may be shared."""

    def __init__(self, folder: Path, store: Path, backend: str, **more: str) -> None:
        self.folder = folder
        self.mount = folder / "mnt"
        self.current = self.mount / "current"
        self.config = folder / "config"
        self.config.mkdir(parents=True, exist_ok=True)
        self.port, self.metrics_port = free_ports(2)
        self.settings = {
            "LIGHTHOUSE_FUSE_BACKEND": backend,
            "LIGHTHOUSE_MOUNT_POINT": str(self.mount),
            "LIGHTHOUSE_PORT": str(self.port),
            "LIGHTHOUSE_METRICS_PORT": str(self.metrics_port),
            "LIGHTHOUSE_STORE": str(store),
            "LIGHTHOUSE_STATE_DIR": str(folder / "state"),
            "LIGHTHOUSE_DRAIN_TIMEOUT": "5",
            "LIGHTHOUSE_COMPARISON_RATE": "1000",
            **more,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.python: Sequence[str] = (sys.executable,)
        self.environment: dict[str, str] = {}

    def write_settings(self, **changes: str) -> None:
        """Replace the settings file atomically."""
        self.settings.update(changes)
        new = self.config / "bridge.env.new"
        new.write_text("".join(f"{key}={value}\n" for key, value in self.settings.items()))
        new.replace(self.config / "bridge.env")

    def start(self, wait: bool = True) -> Bridge:
        """Start the process and wait until it is ready."""
        self.write_settings()
        with (self.folder / "bridge.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.python, "-P", "-m", "bridge.main_bridge"],
                env={**os.environ, "LIGHTHOUSE_CONFIG_DIR": str(self.config), **self.environment},
                cwd=self.folder,
                stderr=log,
                stdout=log,
            )
        if wait:
            until(lambda: self.health().get("status") == "ok")
        return self

    def log(self) -> str:
        """Return what it logged."""
        return (self.folder / "bridge.log").read_text()

    def request(
        self, method: str, path: str, body: bytes | None = None, port: int | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Make one request on a connection of its own."""
        status, _, content = self.ask(method, path, body, port, **headers)
        return status, content

    def ask(
        self, method: str, path: str, body: bytes | None = None, port: int | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Make one request and return status, headers (in lower case) and body; `if_match` is the header If-Match."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=15)
        try:
            connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
            response = connection.getresponse()
            return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def health(self) -> dict[str, Any]:
        """Return what /health says, empty if nobody answers."""
        try:
            told: dict[str, Any] = json.loads(self.request("GET", "/health")[1])
        except OSError:
            return {}
        return told

    def metric(self, name: str, **labels: str) -> float | None:
        """Return one sample of the metrics, None if there is no such series."""
        for line in self.request("GET", "/metrics", port=self.metrics_port)[1].decode().splitlines():
            if line.startswith(f"{name}{{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
                return float(line.rpartition(" ")[2])
        return None

    def reload(self, **changes: str) -> dict[str, Any]:
        """Change settings, send SIGHUP, and return the health after it was done."""
        before = self.health()["generation"]
        self.write_settings(**changes)
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        return until(lambda: (told := self.health()).get("generation", 0) > before and told)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and return its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def leftovers(self) -> list[str]:
        """Return the mounts below its folder."""
        return sorted(leaks.fuse_mounts([self.folder]))

    def clean_up(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for mount in self.leftovers():
            leaks.detach(mount)


@contextmanager
def cleaned(*bridges: Bridge) -> Iterator[None]:
    """Clean up when the block ends."""
    try:
        yield
    finally:
        for bridge in bridges:
            bridge.clean_up()
