"""What only the embedded source does: keep its samples, thin them out, read pages cheaply."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deployment.metrics import exposition
from deployment.metrics.exposition import Reading
from deployment.metrics.growth import grown
from deployment.metrics.histogram import quantile
from deployment.metrics.samples import Samples
from deployment.metrics.scrape import ScrapeSource
from deployment.metrics.source import Metric
from deployment.model import Side
from tests.deployment.exporter import Exporter
from tests.ports import free_ports


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    exporter = Exporter("pyfuse3", free_ports(1)[0])
    yield exporter
    exporter.stop()


def test_a_window_survives_from_one_command_to_the_next(short_tmp: Path, exporter: Exporter) -> None:
    def another() -> ScrapeSource:
        return ScrapeSource(short_tmp, lambda: {Side.CANARY: exporter.url})

    another().poll()
    exporter.work(200, errors=2)
    another().poll()
    found = another().measure(Metric.ERROR_RATIO, Side.CANARY, 60)
    assert (found.value, found.samples) == (0.01, 200)


def test_what_happened_just_before_the_window_does_not_count(short_tmp: Path, exporter: Exporter) -> None:
    now = 1_000_000.0
    source = ScrapeSource(short_tmp, lambda: {Side.CANARY: exporter.url}, lambda: now)
    source.poll()
    exporter.work(50, errors=50)
    now += 100
    source.poll()
    exporter.work(100, errors=1)
    now += 10
    source.poll()
    found = source.measure(Metric.ERROR_RATIO, Side.CANARY, 10)
    assert (found.value, found.samples) == (0.01, 100)
    alone = source.measure(Metric.ERROR_RATIO, Side.CANARY, 4)
    assert (alone.value, alone.detail) == (None, "one sample: it takes two")


def test_old_samples_are_thinned_and_say_the_same(short_tmp: Path) -> None:
    file, begin, hours = short_tmp / "metrics" / "samples.db", 1_000_000.0, 3
    samples = Samples(file)
    seconds = int(hours * 3600)
    for second in range(0, seconds + 1, 5):
        operations = float(second * 2)
        reading = Reading(operations=operations, errors=operations / 100, timed=operations, answered=second % 100 != 0)
        samples.add(begin + second, {Side.CANARY: ("http://127.0.0.1:1/metrics", reading)})
    kept = sqlite3.connect(file).execute("SELECT count(*), sum(beats) FROM samples").fetchone()
    looks = seconds // 5 + 1
    assert kept[0] < looks / 2
    assert kept[1] == looks
    source = ScrapeSource(short_tmp, dict, lambda: begin + seconds)
    uptime = source.measure(Metric.UPTIME, Side.CANARY, 86400)
    assert uptime.samples == looks
    assert uptime.value == pytest.approx(0.95, abs=0.001)
    errors = source.measure(Metric.ERROR_RATIO, Side.CANARY, 86400)
    assert errors.value == pytest.approx(0.01)
    assert errors.samples == pytest.approx(seconds * 2, rel=0.01)


def test_a_broken_file_is_a_failed_measurement(short_tmp: Path) -> None:
    file = short_tmp / "metrics" / "samples.db"
    file.parent.mkdir()
    file.write_bytes(b"this is no database" * 100)
    found = ScrapeSource(short_tmp, dict).measure(Metric.P95, Side.CANARY, 60)
    assert found.failed and found.value is None and found.detail


def test_the_reader_reads_what_the_reference_parser_reads(exporter: Exporter) -> None:
    exporter.work(37, seconds=0.003, errors=5)
    exporter.compare('odd "shadow", with \\ and }', 3, 1)
    with urlopen(exporter.url, timeout=5) as answer:
        page = answer.read().decode()
    mine = sorted((name, sorted(labels.items()), value) for name, labels, value in exposition.samples(page))
    reference = sorted(
        (sample.name, sorted(sample.labels.items()), sample.value)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    )
    assert mine == reference
    reading = exposition.read(page)
    assert (reading.operations, reading.errors, reading.timed) == (37, 5, 37)
    assert reading.comparisons == {'odd "shadow", with \\ and }': 3}
    assert reading.answered is True


@pytest.mark.parametrize(
    ("q", "buckets", "expected"),
    [
        (0.5, {0.1: 10, 0.2: 10, math.inf: 10}, 0.05),
        (0.5, {0.1: 0, 0.2: 10, math.inf: 10}, 0.15),
        (0.99, {0.1: 0, 0.2: 0, math.inf: 10}, 0.2),
        (0.99, {0.1: 100, math.inf: 100}, 0.099),
        (0.5, {0.1: 0, math.inf: 0}, None),
        (0.5, {}, None),
    ],
)
def test_quantiles_interpolate_inside_a_bucket(q: float, buckets: dict[float, float], expected: float | None) -> None:
    assert quantile(q, buckets) == (None if expected is None else pytest.approx(expected))


def test_a_long_window_counts_a_bridge_that_came_in_the_middle_of_it(tmp_path: Path) -> None:
    samples = Samples(tmp_path / "samples.sqlite")
    for at, url, operations in ((1000.0, "first", 5.0), (1001.0, "second", 7.0), (1002.0, "second", 40.0)):
        samples.add(at, {Side.STABLE: (url, Reading(operations=operations))})
    looks = samples.between(Side.STABLE, 500.0, 1010.0, 5.0, step=600.0)
    read = [(look.url, look.reading) for look in looks if look.reading is not None]
    assert grown(read, 500.0).operations == 33
