"""The source with a Prometheus server behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from deployment.metrics.exposition import (
    BACKENDS,
    COMPARISONS,
    DIVERGENCE,
    DURATION,
    MEMORY,
    OLDEST,
    OPERATIONS,
    RESPONSIVE,
)
from deployment.metrics.source import MISSES, Measurement, Metric
from deployment.model import Side

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

QUERY_SECONDS = 1
QUANTILES = {Metric.P50: 0.50, Metric.P95: 0.95, Metric.P99: 0.99}
SCRAPES_LOOKED_AT = 10.0  # seconds: enough for the last heartbeats at any sensible interval


def by_address(_side: Side, url: str) -> str:
    """Select a Bridge's series by the address it is scraped at, which is the label Prometheus itself gives."""
    return f'instance="{url.removeprefix("http://").partition("/")[0]}"'


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

    def poll(self) -> None:
        """Do nothing: Prometheus keeps the windows."""

    def measure(self, metric: Metric, side: Side, window: float) -> Measurement:
        """Return one measurement over the last `window` seconds; it never raises: a failure is a `failed` one."""
        import requests
        from prometheus_api_client.exceptions import PrometheusApiClientException

        # one moment for all questions of a measurement: a ratio of two moments is none
        self._at = now = self._clock()
        try:
            return self._measure(metric, side, window, now)
        except (requests.JSONDecodeError, ValueError, KeyError) as error:
            detail = f"what answers at {self._server} is not Prometheus: {error}"
        except requests.RequestException as error:
            why = "does not answer in time" if isinstance(error, requests.Timeout) else "does not answer"
            detail = f"Prometheus at {self._server} {why}"
        except PrometheusApiClientException as error:
            detail = f"Prometheus refuses the question: {error}"
        return Measurement(metric, side, window, None, 0, now, failed=True, detail=detail)

    def _measure(self, metric: Metric, side: Side, window: float, now: float) -> Measurement:
        def result(value: float | None, samples: float, detail: str = "", at: float = now) -> Measurement:
            return Measurement(metric, side, window, value, round(samples), at, detail=detail)

        urls = self._where()
        if metric is Metric.DIVERGENCE_RATIO:
            # whoever compares exports it, under the backend that was compared with
            compared = differed = 0.0
            for exporter, url in urls.items():
                chosen = f'{self._selector(exporter, url)},shadow="{BACKENDS[side]}"'
                compared += self._number(f"sum(increase({COMPARISONS}{{{chosen}}}[{_span(window)}]))") or 0.0
                differed += self._number(f"sum(increase({DIVERGENCE}{{{chosen}}}[{_span(window)}]))") or 0.0
            return result(differed / compared if compared else None, compared, "" if compared else "nothing compared")
        if side not in urls:
            return result(None, 0, f"there is no {side} Bridge")
        chosen = self._selector(side, urls[side])
        if metric is Metric.RESPONSIVE:
            return self._responsive(result, chosen, window)
        if metric is Metric.UPTIME:
            beats = self._number(f"sum(count_over_time(up{{{chosen}}}[{_span(window)}]))") or 0.0
            answered = self._number(f"sum(sum_over_time({RESPONSIVE}{{{chosen}}}[{_span(window)}]))") or 0.0
            none = f"the {side} Bridge is not scraped"
            return result(min(1.0, answered / beats) if beats else None, beats, "" if beats else none)
        if metric is Metric.OLDEST:
            oldest = self._number(f"max(last_over_time({OLDEST}{{{chosen}}}[{_span(window)}]))")
            return result(oldest, 0 if oldest is None else 1, "" if oldest is not None else "it is not told")
        if metric is Metric.MEMORY:
            memory = self._number(f"sum(last_over_time({MEMORY}{{{chosen}}}[{_span(window)}]))")
            return result(memory or None, 1 if memory else 0, "" if memory else "no memory is told")
        return self._operations(result, metric, chosen, window)

    def _operations(
        self, result: Callable[..., Measurement], metric: Metric, chosen: str, window: float
    ) -> Measurement:
        span = _span(window)
        if metric in (Metric.ERROR_RATIO, Metric.OPERATIONS_RATE):
            counted = self._number(f"sum(increase({OPERATIONS}{{{chosen}}}[{span}]))")
            if counted is None:
                return result(None, 0, "fewer than two samples")
            if metric is Metric.OPERATIONS_RATE:
                return result(counted / window, counted)
            errors = self._number(f'sum(increase({OPERATIONS}{{{chosen},status="error"}}[{span}]))')
            if not counted or errors is None:
                return result(None, counted, "no operations" if not counted else "errors are not counted")
            return result(errors / counted, counted)
        timed = self._number(f"sum(increase({DURATION}_count{{{chosen}}}[{span}]))")
        if not timed:
            return result(None, 0, "fewer than two samples" if timed is None else "no operations")
        if metric is Metric.SLOW_SHARE:
            fast = self._number(f'sum(increase({DURATION}_bucket{{{chosen},le=~"1(\\\\.0)?"}}[{span}]))')
            share = None if fast is None else min(1.0, max(0.0, 1.0 - fast / timed))
            return result(share, timed, "" if fast is not None else "there is no bucket of 1 s")
        rates = f"sum by (le) (rate({DURATION}_bucket{{{chosen}}}[{span}]))"
        return result(self._number(f"histogram_quantile({QUANTILES[metric]}, {rates})"), timed)

    def _responsive(self, result: Callable[..., Measurement], chosen: str, window: float) -> Measurement:
        """Look at the last scrapes one by one: one that failed is a heartbeat that was not answered."""
        span = _span(min(window, SCRAPES_LOOKED_AT))
        scrapes = [point for row in self._query(f"up{{{chosen}}}[{span}]") for point in row["values"]]
        if not scrapes:
            return result(None, 0, "it is not scraped")
        rows = self._query(f"{RESPONSIVE}{{{chosen}}}[{span}]")
        answered = {at for row in rows for at, value in row["values"] if float(value) >= 1}
        scrapes.sort()
        last, up = scrapes[-1]
        value = 1.0 if any(at in answered for at, _ in scrapes[-MISSES:]) else 0.0
        return result(value, len(scrapes), "" if float(up) else "its metrics do not answer", float(last))

    def _number(self, query: str) -> float | None:
        """Return the one number a query yields, or None where it yields nothing: nothing is not 0."""
        rows = self._query(query)
        value = float(rows[0]["value"][1]) if rows else None
        return None if value is None or value != value else value

    def _query(self, query: str) -> list[dict[str, Any]]:
        if self._connection is None:
            import urllib3
            from prometheus_api_client import PrometheusConnect

            # its own default is to try for 6 s when the server is down: a trigger cannot wait for that
            retry = urllib3.Retry(total=0)
            self._connection = PrometheusConnect(self._server, retry=retry, timeout=QUERY_SECONDS)
        rows: list[dict[str, Any]] = self._connection.custom_query(query, params={"time": f"{self._at:.3f}"})
        return rows


def _span(window: float) -> str:
    return f"{max(1, round(window * 1000))}ms"
