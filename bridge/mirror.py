"""The mirror: keeps a comparator running while this Bridge is told to compare itself with its shadow."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

from bridge.mount_child import MountChild
from bridge.settings import Settings
from bridge.sidechannel import SilentError, ask
from dualfuse.comparator import KEPT

log = logging.getLogger(__name__)

Report = dict[str, Any]
Key = tuple[str, str, str, str]  # kind, operation, primary, shadow


class Mirror:
    """Starts, restarts and stops the comparator, and adds up what all that ever ran have found."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards what was found: the keeper changes it, scrapes read it
        self._process: subprocess.Popen[str] | None = None
        self._socket: Path | None = None
        self._told: tuple[str, ...] = ()
        self._last: Report = {}
        self._found: list[Any] = []  # the running comparator's divergences, as it told them last
        self._gone: dict[Key, int] = {}
        self._gone_raced = 0
        self._gone_found: deque[Any] = deque(maxlen=KEPT)

    def keep(self, settings: Settings, serving: MountChild | None) -> None:
        """Bring the comparator to what the settings and the serving mount ask for."""
        wanted: tuple[str, ...] = ()
        if settings.parallel_test and settings.shadow_url and serving is not None:
            self._socket = settings.state_dir / "comparator.sock"
            wanted = (
                *("--mount", str(settings.mount_point), "--primary", serving.backend),
                *("--tap", str(serving.socket), "--shadow", settings.shadow_url, "--socket", str(self._socket)),
                *("--agents", str(settings.agents_file), "--rate", f"{settings.comparison_rate:g}"),
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

    def counts(self) -> dict[Key, int]:
        """Return the counts over all comparators that ever ran."""
        self._ask()
        return self._sum()

    def export(self) -> Report:
        """Return everything that was found, fit for JSON: what is compared, the counts, the last divergences."""
        self._ask(found=True)
        total = self._sum()
        with self._lock:
            return {
                "comparing": self._process is not None,
                "trouble": self._last.get("trouble", ""),
                "known": self._last.get("known", 0),
                "raced": self._gone_raced + self._last.get("raced", 0),
                "ignored": self._last.get("ignored", {}),
                "counts": [
                    {
                        **dict(zip(("operation", "primary", "shadow"), pair, strict=True)),
                        **{kind: total.get((kind, *pair), 0) for kind in ("comparisons", "divergence")},
                    }
                    for pair in sorted({key[1:] for key in total})
                ],
                "divergences": [*self._gone_found, *self._found][-KEPT:],
            }

    def _ask(self, *, found: bool = False) -> None:
        process, socket = self._process, self._socket
        if process is None or socket is None:
            return
        try:
            last = ask(socket, {"ask": "report"}, 0.5)
            divergences = ask(socket, {"ask": "divergences"}, 2.0)["divergences"] if found else self._found
        except SilentError as error:
            log.debug("%s", error)
            return
        with self._lock:
            if process is self._process:  # else its counts are among those that are gone already
                self._last, self._found = last, divergences

    def _sum(self) -> dict[Key, int]:
        with self._lock:
            total, rows = dict(self._gone), self._last.get("counts", [])
        for row in rows:
            key = (row["kind"], row["operation"], row["primary"], row["shadow"])
            total[key] = total.get(key, 0) + row["count"]
        return total

    def stop(self) -> None:
        """End the comparator and keep what it has found."""
        if self._process is None:
            return
        self._ask(found=True)
        total = self._sum()
        with self._lock:
            process, self._process, self._told = self._process, None, ()
            self._gone = total
            self._gone_raced += self._last.get("raced", 0)
            self._gone_found.extend(self._found)
            self._found, self._last = [], {"ignored": self._last.get("ignored", {})}
        assert process.stdin is not None
        process.stdin.close()  # the end of its standard input ends it
        try:
            process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
