"""An operator at a terminal: commands as separate processes over time, on one deployment of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from runbook.assembly import target_of
from runbook.rehearsal import ledger
from runbook.rehearsal.ports import free_ports
from runbook.settings import FILE, Settings, load
from tests.waiting import until

PROGRAM = [sys.executable, "-c", "from runbook.cli.main import run; run()"]
SECONDS = 460.0


class Operator:
    """Types commands into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE
        self.port = free_ports(10)
        self._load: subprocess.Popen[bytes] | None = None

    def type(self, *command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        with subprocess.Popen(
            [*PROGRAM, *command],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            try:
                out, err = running.communicate(typed, SECONDS)
            except subprocess.TimeoutExpired:
                running.terminate()
                out, err = running.communicate()
                raise AssertionError(f"{' '.join(command)} had not ended after {SECONDS} s:\n{out}\n{err}") from None
        return subprocess.CompletedProcess(running.args, running.returncode, out, err)

    def succeed(self, *command: str) -> str:
        """Run one command, which must succeed, and return its stdout."""
        done = self.type(*command)
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def refused(self, code: int, *command: str) -> str:
        """Run one command, which must be refused with this code, and return what it said: an error and a hint."""
        done = self.type(*command)
        assert done.returncode == code, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "error: " in done.stderr, done.stderr
        assert "hint: " in done.stderr, done.stderr
        return done.stderr

    def status(self) -> dict[str, Any]:
        """Return what `status --json` says."""
        said: dict[str, Any] = json.loads(self.succeed("status", "--json"))
        return said

    def init(self, **sections: dict[str, object]) -> None:
        """Begin a deployment whose soaks are over at once and whose measurements need few samples."""
        self.succeed("init", "--base-port", str(self.port))
        text = self.path.read_text()
        fast: dict[str, dict[str, object]] = {
            "soak": {f"week{week}": "0s" for week in range(9)},
            "gates": {
                "comparisons": 300,
                "comparison_rate": 400,
                "patience": "400s",
                "trigger_window": "10s",
                "memory": 2.0,
                "cpu": 2.0,  # a minute of traffic does not show what a week does
            },
            # of fewer than 21 iterations the 95th percentile is the slowest one, and the clients and 400 comparisons a
            # second share the processors: that is a busy machine's latency, not the backend's
            "benchmark": {"iterations": 24, "warmup": 2, "latency": 10.0},
        }
        for name, values in {**fast, **sections}.items():
            text += f"\n[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        self.path.write_text(text)

    def advance(self, *options: str) -> dict[str, Any]:
        """Advance once, waiting for the gates, and return what it reports."""
        said: dict[str, Any] = json.loads(self.succeed("advance", "--wait", "--yes", "--json", *options))
        return said

    def begin(self, *command: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen([*PROGRAM, *command], cwd=self.folder, stderr=subprocess.PIPE, text=True)

    @property
    def settings(self) -> Settings:
        return load(self.path)

    def work(self, rate: float = 60.0) -> None:
        """Put the deployment under load."""
        place = self.settings.place
        command = [sys.executable, "-m", "runbook.rehearsal.load", "--url", f"http://127.0.0.1:{place.router_port}"]
        command += ["--live", str(place.live), "--ledger", str(self.folder / "load.json"), "--rate", str(rate)]
        with (self.folder / "load.log").open("wb") as log:
            self._load = subprocess.Popen(command, stdout=log, stderr=log)
        until(lambda: (self.folder / "load.json").exists() and ledger.read(self.folder / "load.json").operations > 50)

    def rest(self) -> ledger.Totals:
        """End the load and return what it saw."""
        assert self._load is not None
        self._load.terminate()
        self._load.wait(SECONDS)
        totals = ledger.read(self.folder / "load.json")
        assert totals.finished, (self.folder / "load.log").read_text()
        return totals

    def tear_down(self) -> None:
        """Leave nothing, whatever happened."""
        if self._load is not None and self._load.poll() is None:
            self._load.kill()
            self._load.wait()
        if self.path.exists():
            left = target_of(self.settings).destroy(lambda _line: None)
            assert left == ()
