"""The embedded source: it reads the Bridges' metrics itself and keeps its own windows. No server is needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deployment.http_ask import ask
from deployment.metrics.exposition import BACKENDS, SLOW, Reading, read
from deployment.metrics.histogram import quantile
from deployment.metrics.samples import Sample, Samples
from deployment.metrics.source import MISSES, Measurement, Metric
from deployment.model import Side

SCRAPE_SECONDS = 1.0
QUANTILES = {Metric.P50: 0.50, Metric.P95: 0.95, Metric.P99: 0.99}


@dataclass(slots=True)
class _Growth:
    """How far the counters grew over a window, whoever was restarted in it."""

    operations: float = 0.0
    errors: float = 0.0
    timed: float = 0.0
    buckets: dict[str, float] = field(default_factory=dict)
    comparisons: dict[str, float] = field(default_factory=dict)
    divergences: dict[str, float] = field(default_factory=dict)
    pairs: int = 0  # how many pairs of samples it was counted from


class ScrapeSource:
    """Measures from the Bridges' own metrics pages."""

    name = "scrape"

    def __init__(
        self, state: Path, where: Callable[[], Mapping[Side, str]], clock: Callable[[], float] = time.time
    ) -> None:
        """Keep samples below the state folder `state`; `where` says the metrics URL of each side's current instance."""
        self._samples = Samples(state / "metrics" / "samples.db")
        self._where = where
        self._clock = clock

    def poll(self) -> None:
        """Look at every Bridge once, which takes a second at most."""
        urls = self._where()
        answers = ask({str(side): url for side, url in urls.items()}, SCRAPE_SECONDS)
        taken = {
            side: (url, read(answers[side].body.decode("utf-8", "replace")) if answers[side].status == 200 else None)
            for side, url in urls.items()
        }
        if taken:
            self._samples.add(self._clock(), taken)

    def measure(self, metric: Metric, side: Side, window: float) -> Measurement:
        """Return one measurement over the last `window` seconds; it never raises: a failure is a `failed` one."""
        import sqlite3

        now = self._clock()
        try:
            return self._measure(metric, side, window, now)
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            return Measurement(metric, side, window, None, 0, now, failed=True, detail=f"the samples: {error}")

    def _measure(self, metric: Metric, side: Side, window: float, now: float) -> Measurement:
        start = now - window
        # thinned samples stand 30 s apart; what lies further ahead of the window would speak of another time
        before = max(5.0, 0.05 * window)

        def result(value: float | None, samples: float, detail: str = "", at: float = now) -> Measurement:
            return Measurement(metric, side, window, value, round(samples), at, detail=detail)

        samples = self._samples.between(side, start, now, before)
        inside = [s for s in samples if s.at >= start]
        if metric is Metric.DIVERGENCE_RATIO:
            shadow = BACKENDS[side]
            grown = [_grown(self._samples.between(s, start, now, before), start) for s in Side]
            compared = sum(g.comparisons.get(shadow, 0.0) for g in grown)
            differed = sum(g.divergences.get(shadow, 0.0) for g in grown)
            return result(differed / compared if compared else None, compared, "" if compared else "nothing compared")
        if not inside:
            return result(None, 0, f"the {side} Bridge was not looked at")
        if metric in (Metric.UPTIME, Metric.RESPONSIVE):
            return _heartbeats(result, metric, inside)
        readings = [s for s in inside if s.reading is not None]
        if not readings:
            return result(None, 0, f"the {side} Bridge's metrics do not answer")
        if metric is Metric.MEMORY:
            newest = readings[-1]
            assert newest.reading is not None
            memory = newest.reading.memory
            return result(memory or None, len(readings), "" if memory else "no memory is told", newest.at)
        if metric is Metric.OLDEST:
            newest = readings[-1]
            assert newest.reading is not None
            oldest = newest.reading.oldest
            if oldest is None:
                return result(None, 0, "it is not told", newest.at)
            return result(oldest, len(readings), "", newest.at)
        growth = _grown(samples, start)
        if not growth.pairs:
            return result(None, 0, "one sample: it takes two")
        if metric is Metric.OPERATIONS_RATE:
            return result(growth.operations / window, growth.operations)
        if metric is Metric.ERROR_RATIO:
            counted, value = growth.operations, growth.errors
            return result(value / counted if counted else None, counted, "" if counted else "no operations")
        if not growth.timed:
            return result(None, 0, "no operations")
        if metric is Metric.SLOW_SHARE:
            fast = growth.buckets.get(repr(SLOW))
            share = None if fast is None else max(0.0, 1.0 - fast / growth.timed)
            return result(share, growth.timed, "" if fast is not None else "there is no bucket of 1 s")
        bounds = {float(bound): count for bound, count in growth.buckets.items()}
        return result(quantile(QUANTILES[metric], bounds), growth.timed)


def _heartbeats(result: Callable[..., Measurement], metric: Metric, inside: Sequence[Sample]) -> Measurement:
    beats = sum(s.beats for s in inside)
    newest = inside[-1].at
    silent = "" if inside[-1].reading is not None else "its metrics do not answer"
    if metric is Metric.UPTIME:
        return result(sum(s.answered for s in inside) / beats, beats, silent, newest)
    last = inside[-MISSES:]
    return result(1.0 if any(s.answered for s in last) else 0.0, beats, silent, newest)


def _grown(samples: Sequence[Sample], start: float) -> _Growth:
    """Add up how far the counters grew from sample to sample."""
    growth = _Growth()
    previous: dict[str, Reading] = {}
    for sample in samples:
        now = sample.reading
        if now is None:
            continue
        then = previous.get(sample.url)
        if then is None and now.started >= start:
            then = Reading(started=now.started)  # it was started inside the window: everything it counted belongs here
        previous[sample.url] = now
        if then is None:
            continue
        # a process that was started again counts from 0
        if now.started != then.started or now.operations < then.operations or now.timed < then.timed:
            then = Reading()
        growth.pairs += 1
        growth.operations += now.operations - then.operations
        growth.errors += now.errors - then.errors
        growth.timed += now.timed - then.timed
        for sums, new, old in (
            (growth.buckets, now.buckets, then.buckets),
            (growth.comparisons, now.comparisons, then.comparisons),
            (growth.divergences, now.divergences, then.divergences),
        ):
            for key, count in new.items():
                sums[key] = sums.get(key, 0.0) + count - old.get(key, 0.0)
    return growth
