"""How far the two sources are apart on the same minute of traffic, at which both look once a second."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from deployment.metrics.prometheus import PrometheusSource
from deployment.metrics.scrape import ScrapeSource
from deployment.metrics.source import Metric
from deployment.model import Side
from tests.deployment.exporter import Exporter
from tests.ports import free_ports
from tests.runbook.prometheus import Server
from tests.waiting import until

WINDOW = 60.0
BEFORE = 5.0  # seconds of traffic ahead of the minute
SLOW = 0.02


def sources_differ() -> dict[str, float]:
    """Return the largest relative difference over all metrics, and of each metric."""
    chance = random.Random(7)
    ports = free_ports(2)
    exporters = {
        side: Exporter(name, port) for side, name, port in zip(Side, ("fusepy", "pyfuse3"), ports, strict=True)
    }
    where = {side: exporter.url for side, exporter in exporters.items()}
    try:
        with tempfile.TemporaryDirectory(prefix="guard-agree-", dir="/tmp") as name:
            server = Server(Path(name), [f"127.0.0.1:{port}" for port in ports])
            try:
                until(server.ready)
                moment = [0.0]
                scrape = ScrapeSource(Path(name), lambda: where, lambda: moment[0])
                asked = PrometheusSource(f"http://{server.address}", lambda: where, clock=lambda: moment[0])
                _traffic(exporters, scrape, moment, chance)
                apart = {}
                for metric in Metric:
                    one, other = (s.measure(metric, Side.CANARY, WINDOW).value for s in (scrape, asked))
                    if one is None and other is None:
                        continue  # an exporter has no mount whose operations could be in progress
                    apart[str(metric)] = 1.0 if one is None or other is None else abs(one - other) / max(one, 1e-9)
            finally:
                server.end()
    finally:
        for exporter in exporters.values():
            exporter.stop()
    return {"sources_differ": max(apart.values())} | {f"sources_differ.{name}": apart[name] for name in apart}


def _traffic(
    exporters: Mapping[Side, Exporter], scrape: ScrapeSource, moment: list[float], chance: random.Random
) -> None:
    """Let traffic flow; `moment` is when it was looked at last."""
    began = time.monotonic()
    due = began
    while time.monotonic() < began + BEFORE + WINDOW:
        for _ in range(5):
            seconds = 1.5 if chance.random() < SLOW else chance.lognormvariate(-6.5, 1.0)
            exporters[Side.CANARY].work(4, seconds=seconds, errors=1)
        exporters[Side.CANARY].cpu.labels("pyfuse3").inc(0.004)
        exporters[Side.STABLE].compare("pyfuse3", 100, 3)
        if time.monotonic() >= due:
            due += 1.0
            moment[0] = time.time()
            scrape.poll()
        time.sleep(0.05)
