"""Both measurement sources, asked the same questions about the same exporters: one reads them, one has a Prometheus."""

from __future__ import annotations

import itertools
import json
import math
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
from deployment.metrics.series import Slices, series
from deployment.metrics.source import Measurement, Metric, Source
from deployment.model import Side
from deployment.targets.processes import which
from tests.deployment.exporter import Exporter
from tests.ports import free_ports
from tests.waiting import until

WINDOW = 60.0
TICKS = 60
#: What the reads and the writes of every tick take, so that a slice says the same whichever ticks fall into it.
LATENCIES = tuple(math.exp(quantile) for quantile in statistics.NormalDist(-6.5, 1.0).quantiles(20))
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
            exporter.tell(self.turn)
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

    def slices(self) -> Slices:
        """Return the canary's last minute, once the newest second of it was read."""

        def told() -> Slices | None:
            found = self.source.slices(Side.CANARY, WINDOW, 1.0)
            assert not found.failed, found.detail
            return found if newest_is_read(found) else None

        return until(told)

    def canary_has(self, metric: Metric, window: float = WINDOW) -> Measurement:
        found = self.source.measure(metric, Side.CANARY, window)
        assert not found.failed, found.detail
        return found


def newest_is_read(slices: Slices) -> bool:
    """Return whether the newest slice was read; on a busy machine the last scrape of a Prometheus may have failed."""
    return series(slices, Metric.MEMORY)[-1].value is not None


PORTS = free_ports(2 * 40)  # a pair for every test: what one counted must not be in another
_pairs = itertools.count()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it matters what is answered, and not how fast a busy machine does."""
    monkeypatch.setattr("deployment.metrics.prometheus.QUERY_SECONDS", 20)
    monkeypatch.setattr("deployment.metrics.scrape.SCRAPE_SECONDS", 20.0)


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
    source = PrometheusSource(f"http://{address}", dict)
    try:
        until(lambda: not source.measure(Metric.MEMORY, Side.CANARY, WINDOW).failed)
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
    return Bench(PrometheusSource(server, where), exporters, server)


def test_nothing_seen_yet_is_no_number(bench: Bench) -> None:
    found = bench.source.measure(Metric.ERROR_RATIO, Side.CANARY, 0.001)
    assert (found.value, found.samples, found.failed) == (None, 0, False)
    assert found.detail


def test_without_operations_there_is_no_error_ratio(bench: Bench) -> None:
    bench.look()
    bench.look()
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
    bench.look()
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
    slices = bench.slices()
    assert set(slices.kinds) == {"read", "write"}
    points = series(slices, Metric.OPERATIONS_RATE, "read")
    assert sum(p.samples for p in points) == 300
    errors = [p.value for p in series(slices, Metric.ERROR_RATIO) if p.samples]
    assert errors and all(e == pytest.approx(0.1, abs=0.001) for e in errors)
    p95s = [p.value for p in series(slices, Metric.P95, "write") if p.samples]
    assert p95s and all(p is not None and 0.001 <= p <= 0.005 for p in p95s)
    assert sum(p.samples for p in series(slices, Metric.DIVERGENCE_RATIO)) == 30
    assert series(slices, Metric.MEMORY)[-1].value == 20_000_000
    # of a second in which a scrape came too late it is less, and none is more than whole
    uptime = [p.value for p in series(slices, Metric.UPTIME) if p.value is not None]
    assert 0.5 < max(uptime) <= 1
    assert all(a.at < b.at for a, b in itertools.pairwise(points))


def test_slices_count_on_after_a_restart(bench: Bench) -> None:
    bench.look()
    bench.canary.work(300)
    bench.look()
    bench.canary.stop()
    bench.canary.start()
    bench.canary.work(100)
    bench.look()
    found = series(bench.slices(), Metric.ERROR_RATIO)
    counted = sum(p.samples for p in found)
    # a Prometheus tells what counters stood at between the slices: what came before a restart inside one is lost
    assert counted == 400 if bench.server is None else 100 <= counted <= 400
    assert series(bench.source.slices(Side.STABLE, WINDOW, 1.0), Metric.P95)[-1].value is None


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
    stable, canary = exporters[Side.STABLE], exporters[Side.CANARY]
    bench = Bench(prometheus, exporters, server)
    pieces = 12

    def both_look() -> None:
        bench.look()
        moment[0] = round(time.time(), 3)  # a Prometheus has moments and steps of whole milliseconds
        scrape.poll()

    def step() -> float:
        """Return a piece of all that was: both count from 0, however late one of them looks first."""
        return math.ceil((moment[0] - min(stable.started, canary.started)) / pieces * 1000) / 1000

    def both_slices() -> list[Slices] | None:
        both_look()
        found = [source.slices(Side.CANARY, pieces * step(), step()) for source in (scrape, prometheus)]
        assert not any(slices.failed for slices in found), found
        return found if all(map(newest_is_read, found)) else None

    both_look()
    for _ in range(TICKS):
        with canary.still:
            for seconds in LATENCIES:
                canary.work(4, seconds=seconds, errors=1)
            canary.cpu.labels("pyfuse3").inc(0.004)
        stable.compare("pyfuse3", 100, 3)
        moment[0] = round(time.time(), 3)
        scrape.poll()
        time.sleep(0.05)
    slices = until(both_slices)

    window = pieces * step()
    # Prometheus takes it that what was counted up to its last look went on to the window's end
    scrapes = prometheus.measure(Metric.MEMORY, Side.CANARY, window).samples
    allowed = dict.fromkeys(Metric, 0.001) | {Metric.OPERATIONS_RATE: 0.001 + 1.1 / (scrapes - 1)}
    del allowed[Metric.UPTIME]  # each counts its own looks, and on a busy machine a Prometheus' own come too late
    for metric, most in allowed.items():
        one, other = scrape.measure(metric, Side.CANARY, window), prometheus.measure(metric, Side.CANARY, window)
        assert not other.failed, other.detail
        if metric is Metric.OLDEST:
            assert (one.value, other.value) == (None, None)
        else:
            assert one.value is not None and other.value == pytest.approx(one.value, rel=most, abs=1e-9), metric

    found = [series(each, Metric.P50, "read") for each in slices]
    assert [sum(p.samples for p in points) for points in found] == [TICKS * len(LATENCIES) * 2] * 2
    means = [statistics.fmean(p.value for p in points if p.value is not None) for points in found]
    assert means[0] == pytest.approx(means[1], rel=0.001)
