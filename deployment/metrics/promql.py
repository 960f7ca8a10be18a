"""What is asked of a Prometheus, as text: the same words for a source, a gate's explanation, a rule and a dashboard.

Every question comes twice: for the value, and for how much stands behind it. Where nothing was counted the value is
empty or NaN, which is no data and never 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from deployment.metrics.exposition import (
    COMPARISONS,
    CPU,
    DIVERGENCE,
    DURATION,
    MEMORY,
    OLDEST,
    OPERATIONS,
    RESPONSIVE,
    STARTED,
)
from deployment.metrics.source import MISSES, QUANTILES, Metric

BEAT_SECONDS = 1  # between two scrapes, as the local target's Prometheus is told


def span(window: float) -> str:
    """Return a window in Prometheus' words."""
    return f"{max(1, round(window * 1000))}ms"


def value(metric: Metric, selector: str, window: float, shadow: str = "") -> str:
    """Return the question for a metric's value.

    Args:
        metric: Which.
        selector: Labels that select one side's series: `instance="127.0.0.1:9101"`, `backend="pyfuse3"`.
        window: Seconds looked back on.
        shadow: The backend that is compared with; a divergence is exported by whoever compares.
    """
    chosen, over = f"{{{selector}}}", f"[{span(window)}]"
    match metric:
        case Metric.ERROR_RATIO:
            failed = _with(selector, 'status="error"')
            return f"sum(increase({OPERATIONS}{failed}{over})) / sum(increase({OPERATIONS}{chosen}{over}))"
        case Metric.SLOW_SHARE:
            fast = _with(selector, 'le=~"1(\\\\.0)?"')
            return f"1 - sum(increase({DURATION}_bucket{fast}{over})) / sum(increase({DURATION}_count{chosen}{over}))"
        case Metric.P50 | Metric.P95 | Metric.P99:
            rates = f"sum by (le) (rate({DURATION}_bucket{chosen}{over}))"
            return f"histogram_quantile({QUANTILES[metric]}, {rates})"
        case Metric.DIVERGENCE_RATIO:
            both = _with(selector, f'shadow="{shadow}"')
            return f"sum(increase({DIVERGENCE}{both}{over})) / sum(increase({COMPARISONS}{both}{over}))"
        case Metric.UPTIME:
            return f"sum(sum_over_time({RESPONSIVE}{chosen}{over})) / sum(count_over_time(up{chosen}{over}))"
        case Metric.RESPONSIVE:
            return f"max(max_over_time({RESPONSIVE}{chosen}[{span(MISSES * BEAT_SECONDS)}]))"
        case Metric.OLDEST:
            return f"max(last_over_time({OLDEST}{chosen}{over}))"
        case Metric.MEMORY:
            return f"sum(last_over_time({MEMORY}{chosen}{over}))"
        case Metric.OPERATIONS_RATE:
            return f"sum(rate({OPERATIONS}{chosen}{over}))"
        case Metric.CPU_PER_OPERATION:
            return f"sum(increase({CPU}{chosen}{over})) / sum(increase({OPERATIONS}{chosen}{over}))"


def samples(metric: Metric, selector: str, window: float, shadow: str = "") -> str:
    """Return the question for how many operations, comparisons, heartbeats or readings stand behind a value."""
    chosen, over = f"{{{selector}}}", f"[{span(window)}]"
    match metric:
        case Metric.DIVERGENCE_RATIO:
            both = _with(selector, f'shadow="{shadow}"')
            return f"sum(increase({COMPARISONS}{both}{over}))"
        case Metric.UPTIME | Metric.RESPONSIVE:
            return f"sum(count_over_time(up{chosen}{over}))"
        case Metric.MEMORY:
            return f"sum(count_over_time({MEMORY}{chosen}{over}))"
        case Metric.OLDEST:
            return f"sum(count_over_time({OLDEST}{chosen}{over}))"
        case Metric.ERROR_RATIO | Metric.OPERATIONS_RATE | Metric.CPU_PER_OPERATION:
            return f"sum(increase({OPERATIONS}{chosen}{over}))"
    return f"sum(increase({DURATION}_count{chosen}{over}))"


def everything(selector: str) -> str:
    """Return the question for every counter and gauge of a Bridge, kinds of operations that never happened left out."""
    happened = f"on (operation) ({OPERATIONS}{{{selector}}} > 0 or {DURATION}_count{{{selector}}} > 0)"
    counted = _with(selector, f'__name__=~"{OPERATIONS}|{DURATION}_(bucket|count|sum)"')
    names = "|".join((MEMORY, CPU, RESPONSIVE, COMPARISONS, DIVERGENCE, STARTED))
    others = _with(selector, f'__name__=~"{names}"')
    return f"({counted} and {happened}) or {others}"


def beats(selector: str, window: float) -> Sequence[str]:
    """Return the questions for how many looks were taken at a Bridge, and how many found its mount answering."""
    over = f"{{{selector}}}[{span(window)}]"
    return f"sum(count_over_time(up{over}))", f"sum(sum_over_time({RESPONSIVE}{over}))"


def _with(selector: str, label: str) -> str:
    return f"{{{selector},{label}}}" if selector else f"{{{label}}}"
