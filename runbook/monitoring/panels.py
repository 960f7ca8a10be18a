"""What the three dashboards show. Whatever a gate weighs is asked in the gate's words and drawn with its limit."""

from __future__ import annotations

from dataclasses import dataclass

from checks import words
from checks.gate import Threshold
from deployment.metrics import promql
from deployment.metrics.exposition import COMPARISONS, CPU, DIVERGENCE, DURATION, MEMORY, OPERATIONS, RESPONSIVE
from deployment.metrics.source import Metric
from deployment.model import Side
from phases import gates
from runbook.monitoring.rules import SHADOW, selector

WINDOW = gates.TRIGGER_WINDOW
OVER = f"[{promql.span(WINDOW)}]"
SIDES = tuple((str(side), f'side="{side}"') for side in Side)
# Grafana's own names of units
UNITS = {"%": "percentunit", "s": "s", "B": "bytes", "": "short"}


@dataclass(frozen=True, slots=True)
class Query:
    """One question and what its answers are called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    unit: str  # Grafana's
    queries: tuple[Query, ...]
    limit: float | None = None
    at_least: bool = False  # the limit is a floor
    about: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page of pictures."""

    name: str  # of its file
    title: str
    panels: tuple[Panel, ...]


def _weighed(threshold: Threshold, title: str = "", sides: tuple[tuple[str, str], ...] = SIDES) -> Panel:
    """Return the picture of what a gate or trigger weighs, over the short window, with its limit."""
    if threshold.metric is Metric.DIVERGENCE_RATIO:
        sides = ((SHADOW, selector(threshold.metric)),)
    queries = tuple(Query(promql.value(threshold.metric, chosen, WINDOW, SHADOW), name) for name, chosen in sides)
    limit = words.quantity(threshold.limit, threshold.metric, threshold.unit)
    noun = "not below" if threshold.at_least else "not above"
    about = (
        f"Gate `{threshold.id}`: {noun} {limit}, from {threshold.minimum_samples} {words.SAMPLES[threshold.metric]} on."
    )
    name = title or words.NAMES[threshold.metric].capitalize()
    return Panel(name, UNITS[threshold.unit], queries, threshold.limit, threshold.at_least, about)


def _measured(metric: Metric, title: str, unit: str) -> Panel:
    return Panel(
        title, unit, tuple(Query(promql.value(metric, chosen, WINDOW, SHADOW), name) for name, chosen in SIDES)
    )


def _quantile_by_operation(quantile: float) -> str:
    return f"histogram_quantile({quantile:g}, sum by (side, operation, le) (rate({DURATION}_bucket{OVER})))"


def _p95(chosen: str) -> str:
    return f"({promql.value(Metric.P95, chosen, WINDOW)})"


def _rate(chosen: str) -> str:
    return f"({promql.value(Metric.OPERATIONS_RATE, chosen, WINDOW)})"


STABLE, CANARY = (chosen for _, chosen in SIDES)

PERFORMANCE = Dashboard(
    "performance",
    "Lighthouse: performance",
    (
        _measured(Metric.P50, "Latency, p50", "s"),
        _weighed(gates.P95, "Latency, p95"),
        _measured(Metric.P99, "Latency, p99", "s"),
        Panel("Latency by operation, p95", "s", (Query(_quantile_by_operation(0.95), "{{side}} {{operation}}"),)),
        _measured(Metric.OPERATIONS_RATE, "Operations per second", "ops"),
        Panel(
            "Throughput by operation",
            "ops",
            (Query(f"sum by (side, operation) (rate({OPERATIONS}{OVER}))", "{{side}} {{operation}}"),),
        ),
        Panel("Cache hits", "percentunit", (Query("max by (side) (lighthouse_cache_hit_ratio)", "{{side}}"),)),
        _measured(Metric.CPU_PER_OPERATION, "CPU time per operation", "s"),
    ),
)
HEALTH = Dashboard(
    "health",
    "Lighthouse: health",
    (
        _weighed(gates.RESPONSIVE, "Does the mount answer?"),
        Panel(
            "Which backend serves?",
            "short",
            (Query("max by (side, backend) (lighthouse_fuse_backend_active)", "{{side}} {{backend}}"),),
        ),
        _weighed(gates.ERROR_RATIO, "Error ratio"),
        _weighed(gates.SLOW_SHARE, "Share of operations over 1 s (p99 > 1 s, exactly)"),
        _weighed(gates.HUNG, "Oldest operation in progress"),
        _weighed(gates.UPTIME, "Uptime"),
        Panel(
            "Exceptions in the file system",
            "short",
            (Query(f"sum by (side) (increase(lighthouse_fuse_exceptions_total{OVER}))", "{{side}}"),),
        ),
        Panel("Are the metrics scraped?", "short", (Query('max by (side) (up{side!=""})', "{{side}}"),)),
        Panel(
            "Alerts",
            "short",
            (Query('count by (alertname) (ALERTS{alertstate="firing"}) or vector(0)', "{{alertname}}"),),
        ),
    ),
)
COMPARISON = Dashboard(
    "comparison",
    "Lighthouse: comparison",
    (
        Panel(
            "Share of the operations that the canary serves",
            "percentunit",
            (Query(f"{_rate(CANARY)} / ({_rate(STABLE)} + {_rate(CANARY)})", "canary"),),
        ),
        Panel("p95 of the canary to p95 of stable", "short", (Query(f"{_p95(CANARY)} / {_p95(STABLE)}", "ratio"),)),
        Panel(
            "Mean latency by operation",
            "s",
            (
                Query(
                    f"sum by (side, operation) (rate({DURATION}_sum{OVER}))"
                    f" / (sum by (side, operation) (rate({DURATION}_count{OVER})) > 0)",
                    "{{side}} {{operation}}",
                ),
            ),
        ),
        _weighed(gates.DIVERGENCE, "Divergence"),
        Panel(
            "Comparisons per second",
            "ops",
            (Query(f"sum by (primary, shadow) (rate({COMPARISONS}{OVER}))", "{{primary}} with {{shadow}}"),),
        ),
        Panel(
            "Divergences by operation",
            "short",
            (Query(f"sum by (operation) (increase({DIVERGENCE}{OVER}))", "{{operation}}"),),
        ),
        Panel("Memory", "bytes", (Query(f"sum by (side) ({MEMORY})", "{{side}}"),)),
        Panel("CPU", "percentunit", (Query(f"sum by (side) (rate({CPU}{OVER}))", "{{side}}"),)),
        Panel("Heartbeats", "short", (Query(f"max by (side, backend) ({RESPONSIVE})", "{{side}} {{backend}}"),)),
    ),
)
DASHBOARDS = (PERFORMANCE, HEALTH, COMPARISON)
