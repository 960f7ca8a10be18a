"""Slow operations convict by either source within seconds where the stable side has none: real exporters, real time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from deployment.metrics.scrape import ScrapeSource
from deployment.metrics.source import Metric, Source
from deployment.model import Side
from tests.deployment.exporter import Exporter
from tests.ports import free_ports
from tests.runbook.guarded import Guarded
from tests.runbook.prometheus import Server
from tests.waiting import until


@pytest.fixture
def exporters() -> Iterator[Mapping[Side, Exporter]]:
    ports = free_ports(2)
    found = {side: Exporter(name, port) for side, name, port in zip(Side, ("fusepy", "pyfuse3"), ports, strict=True)}
    yield found
    for exporter in found.values():
        exporter.stop()


@pytest.fixture(params=["scrape", pytest.param("prometheus", marks=pytest.mark.prometheus)])
def source(request: pytest.FixtureRequest, short_tmp: Path, exporters: Mapping[Side, Exporter]) -> Iterator[Source]:
    where = {side: exporter.url for side, exporter in exporters.items()}
    if request.param == "scrape":
        yield ScrapeSource(short_tmp, lambda: where)
        return
    server = Server(short_tmp, [f"127.0.0.1:{exporter.port}" for exporter in exporters.values()])
    try:
        until(server.ready)
        yield server.source(where)
    finally:
        server.end()


def work(exporters: Mapping[Side, Exporter], slow: int) -> None:
    """Let a second pass in which the canary serves a hundred operations, and so many of them take over a second."""
    exporters[Side.STABLE].work(300)
    exporters[Side.CANARY].work(100 - slow)
    exporters[Side.CANARY].work(slow, seconds=1.2)
    time.sleep(1.0)


def test_two_slow_operations_of_a_hundred_convict_and_one_bad_moment_does_not(
    tmp_path: Path, exporters: Mapping[Side, Exporter], source: Source
) -> None:
    walk = Guarded(tmp_path)
    walk.begin(5)
    walk.source = source  # type: ignore[assignment]
    work(exporters, 0)
    source.poll()
    until(lambda: source.measure(Metric.MEMORY, Side.CANARY, 10.0).samples)

    def convicted(slow: Iterable[int]) -> bool:
        for number in slow:
            work(exporters, number)
            walk.clock.time += 1
            walk.guard.turn()
            if walk.rolled_back():
                return True
        return False

    assert not convicted((0, 20, 0, 0))
    assert convicted([2] * 10)
    assert walk.event("rollback-started")["evidence"]["trigger"] == "p99-1s"  # type: ignore[index]
