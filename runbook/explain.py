"""Why a gate says what it says: what is asked, what was answered, and what it is held to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from checks import words
from checks.gate import NEAR_ZERO, Against, Threshold, Verdict, needed, upper_bound
from deployment.errors import UsageError
from deployment.metrics import promql
from deployment.metrics.exposition import BACKENDS
from deployment.metrics.source import Metric
from deployment.model import Side
from phases.calendar import PHASES, stage_at
from phases.phase import Stage
from runbook.engine import Engine
from runbook.state import State

GATE, TRIGGER = "gate", "trigger"


@dataclass(frozen=True, slots=True)
class Explained:
    """One gate or trigger of this stage."""

    kind: str
    threshold: Threshold
    verdict: Verdict
    queries: tuple[str, ...]  # for the value, and for what stands behind it
    needed: int  # samples that a pass takes
    bound: float | None  # of a ratio near zero: the largest that is still plausible
    override: str  # the reason, or empty


def known(state: State) -> Stage:
    """Return the stage whose gates there are.

    Raises:
        UsageError: No week is entered.
    """
    if state.week is None:
        raise UsageError("no week is entered yet: there are no gates", "`lighthouse-migrate advance` enters week 0")
    return stage_at(state.week, state.stage)


def explain(engine: Engine, wanted: str = "") -> list[Explained]:
    """Measure and explain every gate and trigger of this stage, or those called `wanted`.

    Raises:
        UsageError: There is none of that name here.
    """
    state = engine.state()
    stage = known(state)
    triggers = tuple(dict.fromkeys(stage.triggers))  # a stage may name one twice; it is weighed once
    names = [t.id for t in (*stage.gates, *triggers)]
    if wanted and wanted not in names:
        there = ", ".join(dict.fromkeys(names)) or "none"
        raise UsageError(f"{wanted!r} is no gate of week {state.week} {PHASES[state.week or 0].name}", f"here: {there}")
    engine.judgement.poll()
    found = []
    for kind, thresholds, verdicts in (
        (GATE, stage.gates, engine.judgement.gates(stage, state)),
        (TRIGGER, triggers, engine.judgement.triggers(stage, state)),
    ):
        for threshold, verdict in zip(thresholds, verdicts, strict=True):
            if wanted in ("", threshold.id):
                found.append(_explained(kind, threshold, verdict, state))
    return found


def _explained(kind: str, threshold: Threshold, verdict: Verdict, state: State) -> Explained:
    bound = None
    near_zero = threshold.metric in NEAR_ZERO and threshold.against is None
    if near_zero and verdict.value is not None and verdict.samples and 0 <= verdict.value <= 1:
        bound = upper_bound(verdict.value, verdict.samples)
    override = state.overrides.get(threshold.id, "") if kind == GATE else ""
    return Explained(kind, threshold, verdict, questions(threshold, verdict.window), needed(threshold), bound, override)


def questions(threshold: Threshold, window: float) -> tuple[str, ...]:
    """Return what a Prometheus is asked, or would be: for the value, and for the samples behind it."""
    chosen, shadow = f'side="{Side.CANARY}"', BACKENDS[Side.CANARY]
    if threshold.metric is Metric.DIVERGENCE_RATIO:
        chosen = ""
    value = promql.value(threshold.metric, chosen, window, shadow)
    if threshold.against is Against.STABLE:
        stable = promql.value(threshold.metric, f'side="{Side.STABLE}"', window)
        sign = "-" if threshold.metric is Metric.ERROR_RATIO else "/"
        value = f"({value}) {sign} ({stable})"
    return value, promql.samples(threshold.metric, chosen, window, shadow)


def as_object(found: Explained) -> dict[str, Any]:
    """Return an explanation as the documented JSON object."""
    threshold = found.threshold
    return {
        **asdict(found.verdict),
        "kind": found.kind,
        "metric": str(threshold.metric),
        "at_least": threshold.at_least,
        "against": None if threshold.against is None else str(threshold.against),
        "minimum_samples": threshold.minimum_samples,
        "needed": found.needed,
        "bound": found.bound,
        "query": found.queries[0],
        "samples_query": found.queries[1],
        "override": found.override or None,
    }


def claim(threshold: Threshold, limit: float) -> str:
    """Return what is asked of the canary: "p95 ≤ 5 ms"."""
    name = words.NAMES[threshold.metric]
    shown = words.quantity(limit, threshold.metric, threshold.unit)
    sign = "≥" if threshold.at_least else "≤"
    if threshold.against is None:
        return f"{name} {sign} {shown}"
    whose = "the stable side's" if threshold.against is Against.STABLE else "fusepy's in week 1"
    return f"{name} {sign} {whose}{f' + {shown}' if threshold.unit == '%' else f' × {limit:g}'}"
