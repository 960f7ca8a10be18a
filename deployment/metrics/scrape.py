"""The embedded source: it reads the Bridges' metrics itself and keeps its own windows. No server is needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from deployment.http_ask import ask
from deployment.metrics.exposition import BACKENDS, SLOW, Reading, read
from deployment.metrics.growth import grown
from deployment.metrics.histogram import quantile
from deployment.metrics.samples import Samples
from deployment.metrics.series import Look, Slices, cut
from deployment.metrics.source import MISSES, QUANTILES, Measurement, Metric
from deployment.model import Side

SCRAPE_SECONDS = 1.0
FINE_WINDOW = 900.0  # seconds: a longer window is read in so many pieces
PIECES = 600


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

    def slices(self, side: Side, window: float, step: float) -> Slices:
        """Return the last `window` seconds of a side in slices of `step` seconds; it never raises."""
        import sqlite3

        now = self._clock()
        start = now - window
        try:
            looks = self._samples.between(side, start, now, max(5.0, step), step if window > FINE_WINDOW else 0.0)
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            return Slices(side, step, failed=True, detail=f"the samples: {error}")
        return Slices(side, step, cut(looks, start, now, step))

    def _measure(self, metric: Metric, side: Side, window: float, now: float) -> Measurement:
        start = now - window
        # thinned samples stand 30 s apart; what lies further ahead of the window would speak of another time
        before = max(5.0, 0.05 * window)

        def result(value: float | None, samples: float, detail: str = "", at: float = now) -> Measurement:
            return Measurement(metric, side, window, value, round(samples), at, detail=detail)

        # long windows are read in pieces: counters lose nothing by it, and thousands of readings would take their time
        step = window / PIECES if window > FINE_WINDOW else 0.0
        if metric is Metric.RESPONSIVE:
            start, step = now - min(window, FINE_WINDOW), 0.0
        samples = self._samples.between(side, start, now, before, step)
        inside = [s for s in samples if s.at >= start]
        if metric is Metric.DIVERGENCE_RATIO:
            shadow = BACKENDS[side]
            both = [grown(_read(self._samples.between(s, start, now, before, step)), start) for s in Side]
            compared = sum(g.comparisons.get(shadow, 0.0) for g in both)
            differed = sum(g.divergences.get(shadow, 0.0) for g in both)
            return result(differed / compared if compared else None, compared, "" if compared else "nothing compared")
        if not inside:
            return result(None, 0, f"the {side} Bridge was not looked at")
        if metric in (Metric.UPTIME, Metric.RESPONSIVE):
            return _heartbeats(result, metric, inside)
        readings = [s for s in inside if s.reading is not None]
        if not readings:
            return result(None, 0, f"the {side} Bridge's metrics do not answer")
        if metric in (Metric.MEMORY, Metric.OLDEST):
            newest = readings[-1]
            assert newest.reading is not None
            told = newest.reading.oldest if metric is Metric.OLDEST else newest.reading.memory or None
            return result(
                told, 0 if told is None else len(readings), "" if told is not None else "it is not told", newest.at
            )
        growth = grown(_read(samples), start)
        if not growth.pairs:
            return result(None, 0, "one sample: it takes two")
        if metric is Metric.OPERATIONS_RATE:
            return result(growth.operations / window, growth.operations)
        if metric in (Metric.ERROR_RATIO, Metric.CPU_PER_OPERATION):
            counted, value = growth.operations, growth.errors if metric is Metric.ERROR_RATIO else growth.cpu
            return result(value / counted if counted else None, counted, "" if counted else "no operations")
        if not growth.timed:
            return result(None, 0, "no operations")
        if metric is Metric.SLOW_SHARE:
            fast = growth.buckets.get(repr(SLOW))
            share = None if fast is None else max(0.0, 1.0 - fast / growth.timed)
            return result(share, growth.timed, "" if fast is not None else "there is no bucket of 1 s")
        bounds = {float(bound): count for bound, count in growth.buckets.items()}
        return result(quantile(QUANTILES[metric], bounds), growth.timed)


def _heartbeats(result: Callable[..., Measurement], metric: Metric, inside: Sequence[Look]) -> Measurement:
    beats = sum(s.beats for s in inside)
    newest = inside[-1].at
    silent = "" if inside[-1].reading is not None else "its metrics do not answer"
    if metric is Metric.UPTIME:
        return result(sum(s.answered for s in inside) / beats, beats, silent, newest)
    last = inside[-MISSES:]
    return result(1.0 if any(s.answered for s in last) else 0.0, beats, silent, newest)


def _read(looks: Iterable[Look]) -> list[tuple[str, Reading]]:
    return [(look.url, look.reading) for look in looks if look.reading is not None]
