"""An hour of simulated time beside a real Prometheus that is ill: how often a verdict passes or rolls back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from checks.gate import Status
from deployment.metrics import prometheus
from phases.calendar import stage_at
from tests.runbook.guarded import Guarded
from tests.runbook.prometheus import ILLS, NoNumbers, Server, fall_ill
from tests.waiting import until

WEEK = 5
EVERY = 4  # simulated seconds between two looks
GATES_EVERY = 60
SHORT = 0.01  # seconds that a server which hangs is waited for, instead of one: an hour has many looks


def ill_prometheus(hours: float, say: Callable[[str], None]) -> dict[str, int]:
    """Return how many verdicts passed and how many rollbacks there were, over every way to be ill."""
    passed = back = 0
    usual = prometheus.QUERY_SECONDS
    for ill in ILLS:
        with tempfile.TemporaryDirectory(prefix="guard-ill-", dir="/tmp") as name:
            folder = Path(name)
            (folder / "server").mkdir()
            pages = NoNumbers()
            server = Server(folder / "server", [pages.address])
            try:
                until(server.ready)
                if ill == "hangs":
                    prometheus.QUERY_SECONDS = SHORT  # type: ignore[assignment]
                some, others = _hours(folder / "walk", server, pages, ill, round(3600 * hours))
            finally:
                prometheus.QUERY_SECONDS = usual
                server.end()
                pages.end()
        say(f"Prometheus: {ill}: {some} passed, {others} rolled back in {hours:g} simulated hours")
        passed, back = passed + some, back + others
    return {"ill_prometheus_passes": passed, "ill_prometheus_rollbacks": back}


def _hours(folder: Path, server: Server, pages: NoNumbers, ill: str, seconds: int) -> tuple[int, int]:
    folder.mkdir()
    walk = Guarded(folder)
    walk.begin(WEEK)
    walk.source, heal = fall_ill(server, pages, ill)  # type: ignore[assignment]
    passed = 0
    for second in range(0, seconds, EVERY):
        walk.clock.time += EVERY
        verdicts = list(walk.guard.turn().verdicts)
        if second % GATES_EVERY == 0:
            verdicts += walk.weighing.gates(stage_at(WEEK, 0), walk.engine.state())
        passed += sum(verdict.status is Status.PASS for verdict in verdicts)
    heal()
    return passed, walk.kinds.count("rolled-back")
