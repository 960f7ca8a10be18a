"""Both measurement sources, asked the same questions about the same exporters: one reads them, one has a Prometheus."""

from __future__ import annotations

import itertools
import json
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from deployment.metrics.prometheus import PrometheusSource
from deployment.metrics.scrape import ScrapeSource
from deployment.metrics.series import series
from deployment.metrics.source import Measurement, Metric, Source
from deployment.model import Side
from deployment.targets.processes import which
from tests.deployment.exporter import Exporter
from tests.ports import free_ports
from tests.waiting import until

WINDOW = 60.0
CONFIGURATION = """\
global: {{scrape_interval: 150ms, scrape_timeout: 150ms}}
scrape_configs:
  - job_name: bridge
    static_configs: [{{targets: [{targets}]}}]
"""


class Bench:
    """Two exporters and a source that measures them."""

    def __init__(self, source: Source, exporters: Mapping[Side, Exporter], server: str | None) -> None:
        self.source, self.exporters, self.server = source, exporters, server
        self.stable, self.canary = exporters[Side.STABLE], exporters[Side.CANARY]
        self.turn = 0

    def look(self) -> None:
        """Have the source see the exporters as they are now."""
        self.turn += 1
        for exporter in self.exporters.values():
            exporter.turn.set(self.turn)
        if self.server is None:
            self.source.poll()
        else:
            until(lambda: self._seen() == {float(self.turn)})

    def _seen(self) -> set[float]:
        running = [f"127.0.0.1:{e.port}" for e in self.exporters.values() if e.server is not None]
        found = {r["metric"]["instance"]: float(r["value"][1]) for r in self.query("turn")}
        return {found.get(address, 0.0) for address in running}

    def query(self, query: str) -> list[dict[str, Any]]:
        with urlopen(f"{self.server}/api/v1/query?query={quote(query)}", timeout=5) as answer:
            return list(json.load(answer)["data"]["result"])

    def look_again(self, times: int) -> None:
        """Have the source take some more samples."""
        if self.server is None:
            for _ in range(times):
                self.source.poll()
            return
        count = f'count_over_time(up{{instance="127.0.0.1:{self.canary.port}"}}[1h])'
        before = int(self.query(count)[0]["value"][1])
        until(lambda: int(self.query(count)[0]["value"][1]) >= before + times)

    def canary_has(self, metric: Metric, window: float = WINDOW) -> Measurement:
        found = self.source.measure(metric, Side.CANARY, window)
        assert not found.failed, found.detail
        return found


PORTS = free_ports(2 * 40)  # a pair for every test: what one counted must not be in another
_pairs = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A Prometheus that scrapes a pair of exporters for each test: it takes seconds to notice a new one."""
    folder = Path(tempfile.mkdtemp())
    targets = ", ".join(f"'127.0.0.1:{port}'" for port in PORTS)
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(targets=targets))
    program = which("prometheus")
    assert program is not None
    address = f"127.0.0.1:{free_ports(1)[0]}"
    arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={address}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *arguments], cwd=folder, stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def exporters() -> Iterator[dict[Side, Exporter]]:
    pair = next(_pairs) % (len(PORTS) // 2)
    first, second = PORTS[2 * pair : 2 * pair + 2]
    found = {
        Side.STABLE: Exporter("fusepy", first, tells_start=True),
        Side.CANARY: Exporter("pyfuse3", second, tells_start=True),
    }
    yield found
    for exporter in found.values():
        exporter.stop()


@pytest.fixture(params=["scrape", pytest.param("prometheus", marks=pytest.mark.prometheus)])
def bench(request: pytest.FixtureRequest, short_tmp: Path, exporters: dict[Side, Exporter]) -> Bench:
    def where() -> dict[Side, str]:
        return {side: exporter.url for side, exporter in exporters.items()}

    if request.param == "scrape":
        return Bench(ScrapeSource(short_tmp, where), exporters, None)
    server: str = request.getfixturevalue("server")
    bench = Bench(PrometheusSource(server, where), exporters, server)
    until(lambda: not bench.source.measure(Metric.MEMORY, Side.CANARY, WINDOW).failed)
    return bench


def test_nothing_seen_yet_is_no_number(bench: Bench) -> None:
    found = bench.source.measure(Metric.ERROR_RATIO, Side.CANARY, 0.001)
    assert (found.value, found.samples, found.failed) == (None, 0, False)
    assert found.detail


def test_without_operations_there_is_no_error_ratio(bench: Bench) -> None:
    bench.look()
    bench.look_again(2)
    found = bench.canary_has(Metric.ERROR_RATIO)
    assert (found.value, found.samples, found.detail) == (None, 0, "no operations")
    assert bench.canary_has(Metric.P99).value is None
    assert bench.canary_has(Metric.SLOW_SHARE).value is None


def test_errors_are_a_share_of_the_operations(bench: Bench) -> None:
    bench.look()
    bench.stable.work(100, errors=100)  # the other side's troubles are not the canary's
    bench.canary.work(400, errors=20)
    bench.look()
    found = bench.canary_has(Metric.ERROR_RATIO)
    assert found.value == pytest.approx(0.05, rel=0.01)
    assert found.samples >= 390
    assert found.window == WINDOW
    rate = bench.canary_has(Metric.OPERATIONS_RATE)
    assert rate.value is not None and rate.value >= 390 / WINDOW


def test_the_slow_share_is_exact_where_a_percentile_is_not(bench: Bench) -> None:
    bench.look()
    bench.canary.work(970, seconds=0.002)
    bench.canary.work(30, seconds=1.2)
    bench.look()
    assert bench.canary_has(Metric.SLOW_SHARE).value == pytest.approx(0.03, rel=0.01)
    p50, p95, p99 = (bench.canary_has(m).value for m in (Metric.P50, Metric.P95, Metric.P99))
    assert p50 is not None and 0.001 <= p50 <= 0.005
    assert p95 is not None and 0.001 <= p95 <= 0.005
    assert p99 == pytest.approx(1.0 + 4.0 * 20 / 30, rel=0.01)  # interpolated in the bucket from 1 s to 5 s


def test_divergence_is_counted_by_whoever_compares(bench: Bench) -> None:
    bench.stable.compare("pyfuse3", 1, 0)
    bench.look()
    bench.stable.compare("pyfuse3", 3000, 6)
    bench.look()
    found = bench.canary_has(Metric.DIVERGENCE_RATIO)
    assert found.value == pytest.approx(0.002, rel=0.01)
    assert found.samples >= 2990
    assert bench.source.measure(Metric.DIVERGENCE_RATIO, Side.STABLE, WINDOW).value is None


def test_three_missed_heartbeats_are_a_dead_mount_and_one_is_not(bench: Bench) -> None:
    bench.look()
    assert bench.canary_has(Metric.RESPONSIVE).value == 1
    bench.canary.responsive.labels("pyfuse3").set(0)
    if bench.server is None:  # a Prometheus cannot be made to look just once
        bench.look()
        assert bench.canary_has(Metric.RESPONSIVE).value == 1
    bench.look_again(4)
    found = bench.canary_has(Metric.RESPONSIVE)
    assert found.value == 0
    assert time.time() - found.at < 30
    uptime = bench.canary_has(Metric.UPTIME)
    assert uptime.value is not None and 0 < uptime.value < 1
    bench.canary.responsive.labels("pyfuse3").set(1)
    bench.look_again(2)
    assert bench.canary_has(Metric.RESPONSIVE).value == 1


def test_a_bridge_that_does_not_answer_is_not_up(bench: Bench) -> None:
    bench.look()
    bench.canary.stop()
    bench.look_again(4)
    found = bench.canary_has(Metric.RESPONSIVE)
    assert (found.value, found.detail) == (0, "its metrics do not answer")
    uptime = bench.canary_has(Metric.UPTIME)
    assert uptime.value is not None and uptime.value < 1
    assert bench.source.measure(Metric.RESPONSIVE, Side.STABLE, WINDOW).value == 1


def test_memory_is_the_newest(bench: Bench) -> None:
    bench.look()
    bench.canary.memory.labels("pyfuse3").set(31_000_000)
    bench.look()
    assert bench.canary_has(Metric.MEMORY).value == 31_000_000


def test_a_restart_is_not_a_step_back(bench: Bench) -> None:
    bench.look()
    bench.canary.work(1000)
    bench.look()
    bench.canary.stop()
    bench.canary.start()
    bench.canary.work(100, errors=50)
    bench.look()
    found = bench.canary_has(Metric.ERROR_RATIO)
    # Prometheus extrapolates each series to the window's edges, and one that began at 0 less than the others
    assert found.value == pytest.approx(50 / 1100, rel=0.1)
    assert found.samples >= 1080


@pytest.mark.prometheus
def test_a_prometheus_that_is_down_fails_at_once() -> None:
    source = PrometheusSource(
        f"http://127.0.0.1:{free_ports(1)[0]}", lambda: {Side.CANARY: "http://127.0.0.1:1/metrics"}
    )
    started = time.monotonic()
    found = source.measure(Metric.ERROR_RATIO, Side.CANARY, WINDOW)
    assert found.failed and found.value is None
    assert "does not answer" in found.detail
    assert time.monotonic() - started < 10


def test_what_is_not_a_prometheus_fails(exporters: dict[Side, Exporter]) -> None:
    server = exporters[Side.STABLE].url.removesuffix("/metrics")
    found = PrometheusSource(server, lambda: {Side.CANARY: "http://127.0.0.1:1/metrics"}).measure(
        Metric.ERROR_RATIO, Side.CANARY, WINDOW
    )
    assert found.failed and "is not Prometheus" in found.detail


def test_cpu_is_counted_by_operation(bench: Bench) -> None:
    bench.look()
    bench.canary.work(400)
    bench.canary.cpu.labels("pyfuse3").inc(0.2)
    bench.look()
    found = bench.canary_has(Metric.CPU_PER_OPERATION)
    assert found.value == pytest.approx(0.2 / 400, rel=0.05)
    assert found.samples >= 390


def test_the_past_is_told_in_slices_by_kind_of_operation(bench: Bench) -> None:
    bench.look()
    for _ in range(3):
        bench.canary.work(200, seconds=0.002, errors=20)
        bench.canary.compare("fusepy", 10, 1)
        bench.look()
        bench.look_again(2)
    slices = bench.source.slices(Side.CANARY, 20.0, 1.0)
    assert not slices.failed, slices.detail
    assert set(slices.kinds) == {"read", "write"}
    points = series(slices, Metric.OPERATIONS_RATE, "read")
    assert sum(p.samples for p in points) == 300
    errors = [p.value for p in series(slices, Metric.ERROR_RATIO) if p.samples]
    assert errors and all(e == pytest.approx(0.1, abs=0.001) for e in errors)
    p95s = [p.value for p in series(slices, Metric.P95, "write") if p.samples]
    assert p95s and all(p is not None and 0.001 <= p <= 0.005 for p in p95s)
    assert sum(p.samples for p in series(slices, Metric.DIVERGENCE_RATIO)) == 30
    assert series(slices, Metric.MEMORY)[-1].value == 20_000_000
    assert series(slices, Metric.UPTIME)[-1].value == 1
    assert all(a.at < b.at for a, b in itertools.pairwise(points))


def test_slices_count_on_after_a_restart(bench: Bench) -> None:
    bench.look()
    bench.canary.work(300)
    bench.look()
    bench.canary.stop()
    bench.canary.start()
    bench.canary.work(100)
    bench.look()
    found = series(bench.source.slices(Side.CANARY, 20.0, 1.0), Metric.ERROR_RATIO)
    counted = sum(p.samples for p in found)
    # a Prometheus tells what counters stood at between the slices: what came before a restart inside one is lost
    assert counted == 400 if bench.server is None else 100 <= counted <= 400
    assert series(bench.source.slices(Side.STABLE, 20.0, 1.0), Metric.P95)[-1].value is None


@pytest.mark.prometheus
def test_both_sources_say_the_same_of_the_same_traffic(
    short_tmp: Path, exporters: dict[Side, Exporter], server: str
) -> None:
    def where() -> dict[Side, str]:
        return {side: exporter.url for side, exporter in exporters.items()}

    moment = [0.0]
    scrape, prometheus = (
        ScrapeSource(short_tmp, where, lambda: moment[0]),
        PrometheusSource(server, where, clock=lambda: moment[0]),
    )
    canary = exporters[Side.CANARY]
    chance = random.Random(7)
    bench = Bench(prometheus, exporters, server)

    def both_look() -> None:
        bench.look()
        moment[0] = time.time()
        scrape.poll()

    # both see what there is before the traffic and after it, so that they count the same however late one of them is
    begun = time.time()
    both_look()
    for _ in range(60):
        for _ in range(5):
            canary.work(4, seconds=chance.lognormvariate(-6.5, 1.0), errors=1)
        canary.cpu.labels("pyfuse3").inc(0.004)
        exporters[Side.STABLE].compare("pyfuse3", 100, 3)
        moment[0] = time.time()
        scrape.poll()
        time.sleep(0.05)
    both_look()
    window = moment[0] - begun
    interval = window / prometheus.measure(Metric.UPTIME, Side.CANARY, window).samples
    worst = {}
    for metric in Metric:
        one, other = scrape.measure(metric, Side.CANARY, window), prometheus.measure(metric, Side.CANARY, window)
        assert not other.failed, other.detail
        if one.value is None:
            assert other.value is None and metric is Metric.OLDEST
            continue
        assert other.value is not None, metric
        worst[metric] = abs(one.value - other.value) / max(abs(one.value), 1e-9)
    del worst[Metric.UPTIME]  # each counts its own looks, and on a busy machine a Prometheus' own come too late
    # Prometheus takes it that what was counted between its first and last look went on to the window's edges
    assert worst.pop(Metric.OPERATIONS_RATE) <= 0.04 + 2.2 * interval / window
    assert {m: w for m, w in worst.items() if w > 0.04} == {}
    pieces = [series(s.slices(Side.CANARY, window, window / 6), Metric.P50, "read") for s in (scrape, prometheus)]
    values = [[p.value for p in found if p.value is not None] for found in pieces]
    assert statistics.fmean(values[0]) == pytest.approx(statistics.fmean(values[1]), rel=0.1)
