"""Prometheus' alert rules: one for every trigger and every gate of the weeks, and some for what nobody reports.

They are a second pair of eyes. What rolls back is the guard, which asks the same questions itself and is faster. Two
kinds of gates are coarser here or not here at all: what the relative judge weighs by its method is compared plainly,
and what is held against week 1 has no rule, because what was recorded then stands in the journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checks import words
from checks.canary_judge import BATCH
from checks.gate import Against, Threshold
from deployment.metrics import promql
from deployment.metrics.exposition import BACKENDS, OPERATIONS
from deployment.metrics.source import MISSES, Metric
from deployment.model import Side
from phases.calendar import PHASES

CANARY, STABLE = (f'side="{side}"' for side in (Side.CANARY, Side.STABLE))
SHADOW = BACKENDS[Side.CANARY]
ROLLS_BACK, HOLDS = (f"{what}; `lighthouse-migrate status`" for what in ("the guard rolls back", "the walk holds"))
HUMAN = {"%": "humanizePercentage", "s": "humanizeDuration"}  # how an alert says a value, by its unit
REMEMBERED = 3600.0  # seconds for which a Bridge that is gone is missed; one that never was is not


def triggers() -> tuple[Threshold, ...]:
    """Return every trigger of the weeks once."""
    return _once(t for phase in PHASES for stage in phase.stages for t in stage.triggers)


def gates() -> tuple[Threshold, ...]:
    """Return every gate of the weeks once, those against week 1 excepted."""
    asked = (t for phase in PHASES for stage in phase.stages for t in stage.gates)
    return _once(t for t in asked if t.against is not Against.BASELINE)


def selector(metric: Metric) -> str:
    """Return the labels of the series a metric of the canary is asked of; whoever compares tells the divergence."""
    return "" if metric is Metric.DIVERGENCE_RATIO else CANARY


def enough(threshold: Threshold) -> int:
    """Return how many samples an alert takes; the relative judge counts times in batches and not in operations."""
    is_batched = threshold.against is Against.STABLE and threshold.metric is not Metric.ERROR_RATIO
    return threshold.minimum_samples * (BATCH if is_batched else 1)


def breach(threshold: Threshold) -> str:
    """Return the question that yields something while a threshold is broken by as many samples as it asks for."""
    chosen = selector(threshold.metric)
    value = promql.value(threshold.metric, chosen, threshold.window, SHADOW)
    count = promql.samples(threshold.metric, chosen, threshold.window, SHADOW)
    sign = "<" if threshold.at_least else ">"
    if threshold.against is not Against.STABLE:
        return f"({value}) {sign} {threshold.limit:g}\n  and ({count}) >= {enough(threshold)}"
    other = promql.value(threshold.metric, STABLE, threshold.window, SHADOW)
    others = promql.samples(threshold.metric, STABLE, threshold.window, SHADOW)
    sense = "-" if threshold.metric is Metric.ERROR_RATIO else "/"
    # with more of the traffic than the stable side, the canary would be blamed for its load
    return (
        f"({value}) {sense} ({other}) {sign} {threshold.limit:g}"
        f"\n  and ({count}) >= {enough(threshold)}\n  and ({count}) <= ({others})"
    )


def groups() -> list[dict[str, Any]]:
    """Return the groups of rules as Prometheus reads them."""
    missed = promql.span(MISSES * promql.BEAT_SECONDS)
    remembered = promql.span(REMEMBERED)
    once_up = f"max(max_over_time(up{{{CANARY}}}[{remembered}])) == 1"
    down = "max(max_over_time(up{{{0}}}[{1}])) == 0\n  and max(max_over_time(up{{{0}}}[{2}])) == 1"
    return [
        {
            "name": "lighthouse-triggers",
            "interval": f"{promql.BEAT_SECONDS}s",
            "rules": [
                *(_alert(t, "Trigger", "rollback", ROLLS_BACK) for t in triggers()),
                _presence(
                    "LighthouseCanaryDown",
                    "rollback",
                    down.format(CANARY, missed, remembered),
                    "the canary's metrics have stopped answering",
                    ROLLS_BACK,
                ),
                _presence(
                    "LighthouseStableDown",
                    "page",
                    down.format(STABLE, missed, remembered),
                    "the stable Bridge has stopped answering: there is nothing to go back to",
                    "repair it before anything else; `lighthouse-migrate status`",
                ),
                _presence(
                    "LighthouseNoData",
                    "hold",
                    f"absent({OPERATIONS}{{{CANARY}}})\n  and on () {once_up}",
                    "the canary tells no operations, so nothing can be judged",
                    "`lighthouse-migrate check`",
                ),
            ],
        },
        {
            "name": "lighthouse-gates",
            "interval": "60s",
            "rules": [_alert(g, "Gate", "hold", HOLDS) for g in gates()],
        },
    ]


def _once(thresholds: Iterator[Threshold]) -> tuple[Threshold, ...]:
    """Return thresholds without repetitions; one that weeks ask differently is there as the strictest of them."""
    found: dict[str, Threshold] = {}
    for threshold in thresholds:
        known = found.setdefault(threshold.id, threshold)
        if (threshold.limit < known.limit) != threshold.at_least and threshold.limit != known.limit:
            found[threshold.id] = threshold
    return tuple(found.values())


def _alert(threshold: Threshold, kind: str, severity: str, then: str) -> dict[str, Any]:
    name = words.NAMES[threshold.metric]
    whose = "the canary"
    if threshold.against is Against.STABLE:
        whose = "the canary against the stable side"
    limit = words.quantity(threshold.limit, threshold.metric, threshold.unit)
    claim = f"{'at least' if threshold.at_least else 'at most'} {limit}"
    value = f"{{{{ $value | {HUMAN.get(threshold.unit, 'humanize')} }}}}"
    noun = words.SAMPLES[threshold.metric]
    return {
        "alert": "Lighthouse" + kind + "".join(part.capitalize() for part in threshold.id.split("-")),
        "expr": breach(threshold),
        "labels": {"severity": severity, "gate": threshold.id},
        "annotations": {
            "summary": f"{name} of {whose} is {value}, allowed is {claim}",
            "description": f"over {words.duration(threshold.window)}, from {enough(threshold)} {noun} on",
            "action": then,
        },
    }


def _presence(name: str, severity: str, expression: str, summary: str, action: str) -> dict[str, Any]:
    annotations = {"summary": summary, "action": action}
    return {"alert": name, "expr": expression, "labels": {"severity": severity}, "annotations": annotations}
