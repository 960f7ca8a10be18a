"""The meter: both sides' recent past in numbers and bars, for a terminal that shows it again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from checks import words
from deployment.metrics.series import Point, Slices, series
from deployment.metrics.source import Metric
from deployment.model import Side
from phases.calendar import stage_at
from runbook.engine import Engine
from runbook.explain import claim

SHOWN = (
    *(Metric.P50, Metric.P95, Metric.P99, Metric.ERROR_RATIO, Metric.SLOW_SHARE, Metric.OPERATIONS_RATE),
    *(Metric.DIVERGENCE_RATIO, Metric.UPTIME, Metric.CPU_PER_OPERATION, Metric.MEMORY),
)
OF_A_KIND = (Metric.P50, Metric.P95, Metric.P99, Metric.ERROR_RATIO, Metric.SLOW_SHARE, Metric.OPERATIONS_RATE)
PIECES = 60  # that a window is shown in
BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.,-=+*#"


@dataclass(frozen=True, slots=True)
class Meter:
    """One metric of both sides."""

    metric: Metric
    points: dict[Side, tuple[Point, ...]]
    operation: str = ""  # the kind it speaks of; empty: of all together

    def newest(self, side: Side) -> float | None:
        """Return the newest value, or None where nothing is known of the newest slice."""
        points = self.points[side]
        return points[-1].value if points else None


@dataclass(frozen=True, slots=True)
class Metered:
    """One look at both sides."""

    at: float
    window: float
    operation: str
    meters: tuple[Meter, ...]
    kinds: tuple[str, ...]
    limits: dict[Metric, tuple[str, float | None]]  # how the limit reads, and where it stands
    trouble: tuple[str, ...]  # why a side is not known
    rates: tuple[Meter, ...] = ()  # operations a second by kind, the most frequent first


def meter(
    engine: Engine, window: float, operation: str = "", *, pieces: int = PIECES, only_look: bool = False
) -> Metered:
    """Look at both sides over the last `window` seconds.

    Args:
        engine: Of the deployment.
        window: Seconds.
        operation: Only this kind of operation; empty for all.
        pieces: That the window is cut into.
        only_look: Take no sample of its own, but read what others took.
    """
    if not only_look:
        engine.judgement.poll()
    step = max(1.0, window / pieces)
    pasts = {side: engine.judgement.slices(side, window, step) for side in Side}
    shown = OF_A_KIND if operation else SHOWN
    kinds = dict.fromkeys(kind for past in pasts.values() for kind in past.kinds)
    trouble = [f"{side}: {past.detail or 'no samples'}" for side, past in pasts.items() if not past.slices]
    meters = tuple(_meter(pasts, metric, operation) for metric in shown)
    rates = tuple(_meter(pasts, Metric.OPERATIONS_RATE, kind) for kind in kinds)
    return Metered(engine.clock.now(), window, operation, meters, tuple(kinds), _limits(engine), tuple(trouble), rates)


def _meter(pasts: dict[Side, Slices], metric: Metric, operation: str) -> Meter:
    return Meter(metric, {side: _points(pasts, side, metric, operation) for side in Side}, operation)


def _points(pasts: dict[Side, Slices], side: Side, metric: Metric, operation: str) -> tuple[Point, ...]:
    if metric is Metric.DIVERGENCE_RATIO:  # it is told by whoever compares, and spoken of the one compared with
        side = Side.STABLE if side is Side.CANARY else Side.CANARY
    return series(pasts[side], metric, operation)


def _limits(engine: Engine) -> dict[Metric, tuple[str, float | None]]:
    state = engine.state()
    if state.week is None:
        return {}
    stage = stage_at(state.week, state.stage)
    found: dict[Metric, tuple[str, float | None]] = {}
    for threshold in (*stage.gates, *stage.triggers):
        if threshold.against is None and threshold.metric not in found:
            said = claim(threshold, threshold.limit).removeprefix(f"{words.NAMES[threshold.metric]} ")
            found[threshold.metric] = (said, threshold.limit)
    return found


def bars(points: Sequence[Point], top: float, *, utf8: bool) -> str:
    """Return a row of bars; a blank where nothing is known."""
    levels = BARS if utf8 else PLAIN_BARS
    high = top or 1.0
    return "".join(
        " " if p.value is None else levels[min(len(levels) - 1, int(p.value / high * (len(levels) - 0.001)))]
        for p in points
    )


def lines(seen: Metered, width: int, *, utf8: bool) -> Iterator[str]:
    """Yield the look as lines of at most `width` columns."""
    what = f"operation {seen.operation}" if seen.operation else "all operations"
    yield f"last {words.duration(seen.window)}, {what}; newest value, its history, the limit"[:width]
    room = max(8, min(PIECES, width - 60))
    for one in seen.meters:
        limit, _ = seen.limits.get(one.metric, ("", None))
        values = [p.value for points in one.points.values() for p in points if p.value is not None]
        top = max(values, default=0.0)
        for number, side in enumerate(Side):
            name = words.NAMES[one.metric] if not number else ""
            newest = one.newest(side)
            shown = "no data" if newest is None else words.quantity(newest, one.metric)
            history = bars(one.points[side][-room:], top, utf8=utf8)
            end = limit if number and limit else ""
            yield f"{name:<20} {side:<6} {shown:>10}  {history:<{room}}  {end}".rstrip()[:width]
    if seen.kinds and not seen.operation:
        yield f"operations: {words.listed(seen.kinds, most=8)}  (`metrics --operation NAME`)"[:width]
    yield from (f"? {line}"[:width] for line in seen.trouble)


def as_object(seen: Metered) -> dict[str, Any]:
    """Return the look as the documented JSON object."""
    return {
        "at": seen.at,
        "window": seen.window,
        "operation": seen.operation or None,
        "operations": list(seen.kinds),
        "metrics": {
            str(one.metric): {
                "limit": seen.limits.get(one.metric, ("", None))[1],
                **{str(side): [[p.at, p.value, p.samples] for p in one.points[side]] for side in Side},
            }
            for one in seen.meters
        },
        "trouble": list(seen.trouble),
    }
