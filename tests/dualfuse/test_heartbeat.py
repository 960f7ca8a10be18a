"""A heartbeat tells living, dead, stopped and missing apart, in time, and leaves no child behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dualfuse import heartbeat
from dualfuse.mounts import mount_at
from tests.dualfuse.connections import abort, connection_alive, waiting
from tests.dualfuse.served import serve, wait_for

pytestmark = pytest.mark.fuse


def test_a_living_mount(tmp_path: Path, backend: str) -> None:
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", backend) as daemon:
        answer = heartbeat.beat(daemon.mountpoint)
        assert answer.alive
        assert answer.error is None
        assert 0 < answer.seconds < 1


def test_a_killed_daemon(tmp_path: Path, backend: str) -> None:
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", backend) as daemon:
        os.kill(daemon.pid, signal.SIGKILL)
        assert daemon.process is not None
        daemon.process.wait()
        answer = heartbeat.beat(daemon.mountpoint)
        assert not answer.alive
        assert "ENOTCONN" in str(answer.error)


def test_a_stopped_daemon(tmp_path: Path, backend: str) -> None:
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", backend, options=["attr_timeout=0"]) as daemon:
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            start = time.monotonic()
            answer = heartbeat.beat(daemon.mountpoint, 0.3)
            assert not answer.alive
            assert "no answer within 0.3 s" in str(answer.error)
            assert time.monotonic() - start < 10  # it stays stopped: this is the time of a busy machine
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        wait_for(lambda: heartbeat.beat(daemon.mountpoint).alive, "the daemon to answer again")
    heartbeat._collect()
    assert heartbeat._abandoned == []


@pytest.mark.root
def test_aborting_a_stopped_daemon_frees_what_waits(tmp_path: Path, backend: str) -> None:
    with serve("dualfuse.samples.memory:Memory", tmp_path / "m", backend, options=["attr_timeout=0"]) as daemon:
        mount = mount_at(daemon.mountpoint)
        assert mount is not None
        os.kill(daemon.pid, signal.SIGSTOP)
        client = subprocess.Popen(["cat", f"{daemon.mountpoint}/none"], stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: (waiting(mount.minor) or 0) > 0, "the request to wait")
            assert connection_alive(mount.minor)
            assert abort(mount.minor)
            assert client.wait(5) != 0
        finally:
            client.kill()
            client.wait()
            os.kill(daemon.pid, signal.SIGKILL)
    assert connection_alive(mount.minor) is False


def test_a_missing_path() -> None:
    answer = heartbeat.beat("/nonexistent/path")
    assert not answer.alive
    assert "ENOENT" in str(answer.error)


def test_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dualfuse.heartbeat"]
    here = Path(__file__).parents[2]
    good = subprocess.run([*command, str(tmp_path)], cwd=here, capture_output=True, text=True, check=True)
    assert json.loads(good.stdout)["alive"] is True
    bad = subprocess.run([*command, "/none", "--timeout", "2"], cwd=here, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["alive"] is False
