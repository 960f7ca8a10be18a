"""The mirror: keeps a comparator running while this Bridge is told to compare itself with its shadow."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from bridge.mount_child import MountChild
from bridge.settings import Settings
from bridge.sidechannel import SilentError, ask

log = logging.getLogger(__name__)

Report = dict[str, Any]


class Mirror:
    """Starts, restarts and stops the comparator, and adds up the counts of all that ever ran."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._socket: Path | None = None
        self._told: tuple[str, ...] = ()
        self._last: Report = {}
        self._gone: dict[tuple[str, str, str, str], int] = {}

    def keep(self, settings: Settings, serving: MountChild | None) -> None:
        """Bring the comparator to what the settings and the serving mount ask for."""
        wanted: tuple[str, ...] = ()
        if settings.parallel_test and settings.shadow_url and serving is not None:
            self._socket = settings.state_dir / "comparator.sock"
            wanted = (
                *("--mount", str(settings.mount_point), "--primary", serving.backend),
                *("--tap", str(serving.socket), "--shadow", settings.shadow_url, "--socket", str(self._socket)),
            )
        if self._process is not None and (wanted != self._told or self._process.poll() is not None):
            self.stop()
        if wanted and self._process is None:
            self._told = wanted
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bridge.comparator", *wanted],
                stdin=subprocess.PIPE,
                start_new_session=True,
                text=True,
            )
            log.info("comparing with %s", settings.shadow_url)

    def report(self) -> Report:
        """Return what the comparator says of itself, the last known if it does not answer; empty if there is none."""
        if self._process is not None and self._socket is not None:
            try:
                self._last = ask(self._socket, {"ask": "report"}, 0.5)
            except SilentError as error:
                log.debug("%s", error)
        return self._last

    def counts(self) -> dict[tuple[str, str, str, str], int]:
        """Return the counts by (kind, operation, primary, shadow), over all comparators that ever ran."""
        total = dict(self._gone)
        for row in self.report().get("counts", []):
            key = (row["kind"], row["operation"], row["primary"], row["shadow"])
            total[key] = total.get(key, 0) + row["count"]
        return total

    def divergences(self) -> list[Any]:
        """Return the last divergences, oldest first."""
        if self._process is None or self._socket is None:
            return list(self._last.get("divergences", []))
        try:
            self._last["divergences"] = ask(self._socket, {"ask": "divergences"}, 2.0)["divergences"]
        except (SilentError, KeyError) as error:
            log.debug("%s", error)
        return list(self._last.get("divergences", []))

    def stop(self) -> None:
        """End the comparator and keep its counts."""
        if self._process is None:
            return
        self._gone, kept = self.counts(), self._last.get("divergences", [])
        self._last = {"divergences": kept}
        assert self._process.stdin is not None
        self._process.stdin.close()  # the end of its standard input ends it
        try:
            self._process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process, self._told = None, ()
