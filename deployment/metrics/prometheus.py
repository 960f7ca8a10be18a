"""The source with a Prometheus server behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from deployment.metrics import promql
from deployment.metrics.exposition import BACKENDS, RESPONSIVE, Reading
from deployment.metrics.series import Look, Slices, cut
from deployment.metrics.source import MISSES, Measurement, Metric
from deployment.model import Side

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

T = TypeVar("T")

QUERY_SECONDS = 1
# why there is no number, where it is not that there were no operations
EMPTY = {
    Metric.UPTIME: "it is not scraped",
    Metric.MEMORY: "it is not told",
    Metric.OLDEST: "it is not told",
}
UNKNOWN = {Metric.SLOW_SHARE: "there is no bucket of 1 s", Metric.ERROR_RATIO: "errors are not counted"}
MOST_SKEW = 5.0  # seconds: a trigger looks back on less than that
COMPARED_SECONDS = 10.0  # between two looks at the server's clock
NO_NUMBER = "NaN"  # as it writes it
SCRAPES_LOOKED_AT = 10.0  # seconds: enough for the last heartbeats at any sensible interval


def by_address(_side: Side, url: str) -> str:
    """Select a Bridge's series by the address it is scraped at, which is the label Prometheus itself gives."""
    return f'instance="{url.removeprefix("http://").partition("/")[0]}"'


class _SkewedError(Exception):
    """The server's clock and ours differ: what happened now cannot be asked for."""


class PrometheusSource:
    """Measures what Prometheus has scraped."""

    name = "prometheus"

    def __init__(
        self,
        server: str,
        where: Callable[[], Mapping[Side, str]],
        selector: Callable[[Side, str], str] = by_address,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Ask the Prometheus at the URL `server`.

        Args:
            server: "http://127.0.0.1:9090".
            where: Says the metrics URL of each side's current instance.
            selector: Says which label and value a Bridge's series have, where Prometheus scrapes it under another
                address than ours.
            clock: Unix time.
        """
        self._server = server.rstrip("/")
        self._where = where
        self._selector = selector
        self._clock = clock
        self._connection: PrometheusConnect | None = None
        self._at = 0.0
        self._compared = float("-inf")  # when the clocks were last seen to agree

    def poll(self) -> None:
        """Do nothing: Prometheus keeps the windows."""

    def measure(self, metric: Metric, side: Side, window: float) -> Measurement:
        """Return one measurement over the last `window` seconds; it never raises: a failure is a `failed` one."""
        # one moment for all questions of a measurement: a ratio of two moments is none
        self._at = now = self._clock()
        found = self._answered(lambda: self._measure(metric, side, window, now))
        if isinstance(found, str):
            return Measurement(metric, side, window, None, 0, now, failed=True, detail=found)
        return found

    def slices(self, side: Side, window: float, step: float) -> Slices:
        """Return the last `window` seconds of a side in slices of `step` seconds; it never raises."""
        urls = self._where()
        if side not in urls:
            return Slices(side, step, detail=f"there is no {side} Bridge")
        chosen, end = self._selector(side, urls[side]), self._clock()
        found = self._answered(lambda: cut(self._looks(chosen, end - window, end, step), end - window, end, step))
        return Slices(side, step, failed=True, detail=found) if isinstance(found, str) else Slices(side, step, found)

    def _answered(self, ask: Callable[[], T]) -> T | str:
        """Return what is answered, or in words why nothing is."""
        import requests
        from prometheus_api_client.exceptions import PrometheusApiClientException

        try:
            self._compare_clocks()
            return ask()
        except _SkewedError as error:
            return str(error)
        except (requests.JSONDecodeError, ValueError, KeyError) as error:
            return f"what answers at {self._server} is not Prometheus: {error}"
        except requests.RequestException as error:
            why = "does not answer in time" if isinstance(error, requests.Timeout) else "does not answer"
            return f"Prometheus at {self._server} {why}"
        except PrometheusApiClientException as error:
            return f"Prometheus refuses the question: {error}"

    def _compare_clocks(self) -> None:
        """Refuse to ask a server whose clock is not ours: it would answer for another time, and nothing would show it.

        Raises:
            _SkewedError: The clocks differ.
        """
        now = self._clock()
        if abs(now - self._compared) < COMPARED_SECONDS:
            return
        theirs = float(self._connected().custom_query("time()")[1])
        ours = (now + self._clock()) / 2
        if abs(theirs - ours) > MOST_SKEW:
            raise _SkewedError(
                f"the clocks of Prometheus at {self._server} and of this machine differ by {abs(theirs - ours):.0f} s"
            )
        self._compared = now

    def _measure(self, metric: Metric, side: Side, window: float, now: float) -> Measurement:
        def result(value: float | None, samples: float, detail: str = "", at: float = now) -> Measurement:
            return Measurement(metric, side, window, value, round(samples), at, detail=detail)

        urls = self._where()
        shadow = BACKENDS[side]
        if metric is Metric.DIVERGENCE_RATIO:
            exporters = sorted(self._selector(exporter, url) for exporter, url in urls.items())
            counts = [self._number(promql.samples(metric, chosen, window, shadow)) or 0.0 for chosen in exporters]
            ratios = [self._number(promql.value(metric, chosen, window, shadow)) or 0.0 for chosen in exporters]
            compared = sum(counts)
            differed = sum(ratio * count for ratio, count in zip(ratios, counts, strict=True))
            return result(differed / compared if compared else None, compared, "" if compared else "nothing compared")
        if side not in urls:
            return result(None, 0, f"there is no {side} Bridge")
        chosen = self._selector(side, urls[side])
        if metric is Metric.RESPONSIVE:
            return self._responsive(result, chosen, window)
        samples = self._number(promql.samples(metric, chosen, window))
        if not samples:
            return result(None, 0, EMPTY.get(metric, "fewer than two samples" if samples is None else "no operations"))
        value = self._number(promql.value(metric, chosen, window))
        if metric in (Metric.UPTIME, Metric.SLOW_SHARE) and value is not None:
            value = min(1.0, max(0.0, value))
        if metric is Metric.MEMORY and not value:
            return result(None, 0, EMPTY[metric])
        return result(value, samples, "" if value is not None else UNKNOWN.get(metric, "it is not counted"))

    def _looks(self, chosen: str, start: float, end: float, step: float) -> list[Look]:
        """Return what a Bridge's counters stood at between the slices, each as a look at it."""
        pieces = max(1, round((end - start) / step))
        step = (end - start) / pieces
        readings: dict[int, Reading] = {}
        for row in self._range(promql.everything(chosen), start, end, step):
            labels = row["metric"]
            for at, text in row["values"]:
                if text == NO_NUMBER:
                    continue
                number = round((float(at) - start) / step)
                readings.setdefault(number, Reading()).take(labels["__name__"], labels, float(text))
        counted: list[dict[int, int]] = []
        for query in promql.beats(chosen, step):
            rows = self._range(query, start, end, step)
            values = rows[0]["values"] if rows else []
            counted.append(
                {round((float(at) - start) / step): int(float(text)) for at, text in values if text != NO_NUMBER}
            )
        beats, answered = counted
        looks = []
        for number in sorted({*readings, *beats}):
            at = start + number * step
            seen = (beats.get(number, 0), answered.get(number, 0)) if number else (0, 0)
            looks.append(Look(at, chosen, readings.get(number), *seen))
        return looks

    def _responsive(self, result: Callable[..., Measurement], chosen: str, window: float) -> Measurement:
        """Look at the last scrapes one by one: one that failed is a heartbeat that was not answered."""
        span = promql.span(min(window, SCRAPES_LOOKED_AT))
        scrapes = [point for row in self._query(f"up{{{chosen}}}[{span}]") for point in row["values"]]
        if not scrapes:
            return result(None, 0, "it is not scraped")
        rows = self._query(f"{RESPONSIVE}{{{chosen}}}[{span}]")
        told = [(at, text) for row in rows for at, text in row["values"]]
        answered = {at for at, text in told if float(text) >= 1}
        unknown = {at for at, text in told if text == NO_NUMBER} - answered
        scrapes.sort()
        last, up = scrapes[-1]
        newest = {at for at, _ in scrapes[-MISSES:]}
        if newest & unknown:
            return result(None, 0, "its heartbeat is not a number")
        value = 1.0 if newest & answered else 0.0
        return result(value, len(scrapes), "" if float(up) else "its metrics do not answer", float(last))

    def _number(self, query: str) -> float | None:
        """Return the one number a query yields, or None where it yields nothing: nothing is not 0."""
        rows = self._query(query)
        value = float(rows[0]["value"][1]) if rows else None
        return None if value is None or value != value else value

    def _query(self, query: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._connected().custom_query(query, params={"time": f"{self._at:.3f}"})
        return rows

    def _range(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        times = [datetime.fromtimestamp(at, tz=UTC) for at in (start, end)]
        exactly = {"start": f"{start:.3f}", "end": f"{end:.3f}"}  # by itself it rounds them to whole seconds
        rows: list[dict[str, Any]] = self._connected().custom_query_range(query, *times, f"{step:.3f}", exactly)
        return rows

    def _connected(self) -> PrometheusConnect:
        if self._connection is None:
            import urllib3
            from prometheus_api_client import PrometheusConnect

            # its own default is to try for 6 s when the server is down: a trigger cannot wait for that
            retry = urllib3.Retry(total=0)
            self._connection = PrometheusConnect(self._server, retry=retry, timeout=QUERY_SECONDS)
        return self._connection
