"""What the Docker target's tests share: containers of other people, and an Engine of a test's own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployment.targets import mounts, processes
from tests.waiting import until

BRIDGE = f"lmtest{os.getpid() % 10**6}"
BASE = "python:3.11-slim-bookworm"


def docker(*arguments: str, timeout: float = 120) -> str:
    """Run the docker command as an operator would, and return what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


@contextmanager
def stranger(name: str, *options: str) -> Iterator[str]:
    """Have somebody else's container, which sleeps, and expect it to be there untouched afterwards."""
    made = docker("run", "--detach", "--name", name, *options, BASE, "sleep", "600")
    try:
        yield made
        assert docker("inspect", "--format", "{{.State.Running}}", made) == "true"
    finally:
        docker("rm", "--force", made)


class OwnEngine:
    """A dockerd of a test's own, which can be stopped and started."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.host = folder, f"unix://{folder}/docker.sock"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        places = [f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec", f"--pidfile={self.folder}/pid"]
        # What its containers need is the host's network, so it leaves the machine's packet filter alone. With no bridge
        # at all it would remove docker0, which is another Engine's.
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", "198.18.77.1/24", "dev", BRIDGE)
        network = [f"--bridge={BRIDGE}", "--iptables=false", "--ip6tables=false", f"--host={self.host}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["dockerd", *places, *network, *self._options], stdout=log, stderr=log, start_new_session=True
            )
        until(self._answers, 60)

    def stop(self) -> None:
        """End it as a service manager would, and wait for it; its containers live on under --live-restore."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def command(self, *arguments: str) -> str:
        """Run the docker command against it."""
        return docker("--host", self.host, *arguments)

    def remove(self) -> None:
        """End it and everything it left running."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        _ip("link", "delete", BRIDGE)
        for mount in mounts.below(mounts.table(), self.folder):
            assert mounts.detach(mount.point) is None
        for pid, argv in _belonging(str(self.folder)).items():
            processes.send(pid, signal.SIGKILL, argv)

    def _answers(self) -> bool:
        asked = ["docker", "--host", self.host, "version"]
        return subprocess.run(asked, capture_output=True, timeout=20, check=False).returncode == 0


def _ip(*arguments: str) -> None:
    """Change a network interface; one that is there already, or is gone already, is fine."""
    subprocess.run(["ip", *arguments], capture_output=True, check=False)


def _belonging(folder: str) -> dict[int, str]:
    found = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208
        argv = processes.command_line(pid)
        if any(folder in word for word in argv) and "dockerd" not in argv[0] and pid != os.getpid():
            found[pid] = argv[0]
    return found
