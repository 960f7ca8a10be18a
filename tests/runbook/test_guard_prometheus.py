"""The guard with a real Prometheus that has nothing, lives in another time, hangs, and dies: no pass, no rollback."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.gate import Status, Verdict
from deployment.metrics.prometheus import PrometheusSource
from deployment.metrics.source import Metric
from deployment.model import Side
from deployment.targets.processes import which
from phases.calendar import stage_at
from runbook.guard import BLIND
from tests.ports import free_ports
from tests.runbook.guarded import Guarded
from tests.waiting import until

pytestmark = pytest.mark.prometheus
CONFIGURATION = "global: {scrape_interval: 1s}\nscrape_configs: []\n"


class Server:
    """A Prometheus that scrapes nothing."""

    def __init__(self, folder: Path) -> None:
        (folder / "prometheus.yml").write_text(CONFIGURATION)
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        program = which("prometheus")
        assert program is not None
        arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={self.address}"]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen([program, *arguments], cwd=folder, stdout=log, stderr=log)

    def source(self, ahead: float = 0.0) -> PrometheusSource:
        """Return a source whose clock is ahead of the server's."""
        where = {Side.STABLE: "http://127.0.0.1:9/metrics", Side.CANARY: "http://127.0.0.1:10/metrics"}
        return PrometheusSource(f"http://{self.address}", lambda: where, clock=lambda: time.time() + ahead)


@pytest.fixture
def server(short_tmp: Path) -> Iterator[Server]:
    found = Server(short_tmp)
    source = found.source()
    until(lambda: not source.measure(Metric.MEMORY, Side.CANARY, 5.0).failed)
    yield found
    found.process.kill()
    found.process.wait()


@pytest.mark.parametrize("ill", ["no series", "an hour ahead", "an hour behind", "hangs", "dead"])
def test_what_is_wrong_with_prometheus_is_not_the_canarys_fault(tmp_path: Path, server: Server, ill: str) -> None:
    walk = Guarded(tmp_path)
    walk.begin(5)
    ahead = {"an hour ahead": 3600.0, "an hour behind": -3600.0}.get(ill, 0.0)
    source = server.source(ahead)
    walk.source = source  # type: ignore[assignment]
    if ill == "hangs":
        os.kill(server.process.pid, signal.SIGSTOP)
    elif ill == "dead":
        server.process.kill()
        server.process.wait()
    began = time.monotonic()
    looks = BLIND + 1
    for _ in range(looks):
        walk.clock.time += 1
        look = walk.guard.turn()
        assert _none_passes(look.verdicts), look.verdicts
    assert time.monotonic() - began < looks * 2.0  # one question a look, a second each
    assert not walk.rolled_back()
    silent = ill != "no series"
    assert walk.kinds.count("held") == int(silent)
    assert _none_passes(walk.weighing.gates(stage_at(5, 0), walk.engine.state()))
    if ill == "hangs":
        os.kill(server.process.pid, signal.SIGCONT)


def _none_passes(verdicts: tuple[Verdict, ...] | list[Verdict]) -> bool:
    return bool(verdicts) and all(v.status in (Status.ERROR, Status.INCONCLUSIVE) for v in verdicts)
