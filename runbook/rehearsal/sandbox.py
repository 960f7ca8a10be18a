"""The rehearsal's sandbox: a folder with a sample project, a deployment of its own and a load, all gone at the end."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from deployment.errors import OperatorError
from deployment.targets.target import Say
from deployment.waiting import until
from runbook.rehearsal import ledger
from runbook.rehearsal.ledger import Totals
from runbook.rehearsal.load import TOKEN
from runbook.rehearsal.ports import free_ports
from runbook.settings import FILE, Settings, load

PORTS = 10
START_SECONDS = 10.0  # that the load has for its first operation
CHANGED = ("current", "context", "shadows", "streams")  # the sections that the load writes to


class Sandbox:
    """Everything of one rehearsal, below one folder."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self.say = folder, say
        self.project = folder / "project"
        self.live = folder / "live"
        self.state = folder / "state"
        self._ledger = folder / "load.json"
        self.token = secrets.token_urlsafe(32)
        self._load: subprocess.Popen[bytes] | None = None

    def write_settings(self, soak: dict[int, float], target: str, *, iterations: int, comparisons: int) -> Settings:
        """Write the settings of a compressed walk and read them back."""
        first = free_ports(PORTS)
        pairs = ("stable", "canary", "stable_metrics", "canary_metrics")
        lines = [
            *("format = 1", 'name = "rehearsal"', 'project = "project"', "", "[target]", f'kind = "{target}"'),
            *('state = "state"', 'live = "live"', 'drain = "60s"', "", "[ports]", f"router = {first}"),
            *(f"{name} = [{first + 1 + 2 * n}, {first + 2 + 2 * n}]" for n, name in enumerate(pairs)),
            *(f"prometheus = {first + 9}", "", "[soak]", *(f'week{w} = "{s:g}s"' for w, s in soak.items())),
            *("", "[gates]", 'trigger_window = "10s"', 'patience = "10m"', f"comparisons = {comparisons}"),
            "comparison_rate = 400",  # minutes stand for weeks
            # seconds of traffic do not show what a week does
            *("memory = 2.0", "cpu = 2.0"),
            *("", "[benchmark]", f"iterations = {iterations}", "warmup = 5"),
            # beside the clients and 400 comparisons a second, on the same processors
            *("latency = 10.0", ""),
        ]
        path = self.folder / FILE
        path.write_text("\n".join(lines), encoding="utf-8")
        settings = load(path)
        # Beside the store the Bridge looks for who may do what; it keeps of a token only the hash.
        known = {"tokens": [sha256(self.token.encode()).hexdigest()], "write": list(CHANGED)}
        settings.place.store.parent.mkdir(parents=True, exist_ok=True)
        agents = settings.place.store.with_name("agents.json")
        agents.touch(mode=0o600)
        agents.write_text(json.dumps({"agents": {"load": known}}), encoding="utf-8")
        return settings

    def start_load(self, url: str, rate: float) -> None:
        """Start the clients, and return once they work.

        Raises:
            OperatorError: They do not.
        """
        command = [sys.executable, "-m", "runbook.rehearsal.load", "--url", url, "--live", str(self.live)]
        command += ["--ledger", str(self._ledger), "--rate", str(rate), "--sections"]
        environment = {**os.environ, TOKEN: self.token}
        with (self.folder / "load.log").open("wb") as log:
            self._load = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment)
        until(lambda: self._works() or not self._runs(), START_SECONDS, every=0.1)
        if not self._works():
            raise OperatorError("the load does not start", f"see {self.folder / 'load.log'}")

    def _works(self) -> bool:
        return self._ledger.exists() and self.totals().operations > 0

    def _runs(self) -> bool:
        return self._load is not None and self._load.poll() is None

    def totals(self) -> Totals:
        """Return what the load did so far."""
        return ledger.read(self._ledger)

    def totals_if_any(self) -> Totals | None:
        """Return what the load did so far, or None before its first word."""
        return self.totals() if self._ledger.exists() else None

    def stop_load(self) -> Totals:
        """Let the clients read everything once more and end; return the final totals.

        Raises:
            OperatorError: They did not end in order.
        """
        assert self._load is not None
        self._load.send_signal(signal.SIGTERM)
        try:
            self._load.wait(60)
        except subprocess.TimeoutExpired as error:
            raise OperatorError("the load does not end", f"see {self.folder / 'load.log'}") from error
        totals = self.totals()
        if not totals.finished:
            raise OperatorError("the load broke", f"see {self.folder / 'load.log'}")
        return totals

    def kill_load(self) -> None:
        """End the clients at once, whatever they do."""
        if self._load is not None and self._runs():
            self._load.kill()
            self._load.wait()
