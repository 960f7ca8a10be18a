"""How a guard's look reads: one line on a terminal, one object in a stream."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from checks import words
from checks.gate import Status as Outcome
from checks.gate import Verdict
from phases.calendar import stage_at
from phases.phase import Stage
from runbook.cli.words import span
from runbook.guard_decision import Look

SHORT = {"error-ratio": "err", "p99-1s": ">1s", "divergence": "div", "heartbeat": "beat", "hung-operation": "hung"}


def line(look: Look, trouble: str) -> str:
    """Return "14:20:05 w5 HOLD p95 5.6 ms > 5 ms | 10.2% | err 0.02% | div ? | soak 2d04h/7d"."""
    shot = look.snapshot
    state = shot.state
    where = "w-" if state.week is None else f"w{state.week}"
    why = f" {trouble or shot.why}" if trouble or shot.word not in ("SOAK", "READY") else ""
    share = shot.observed.actual if shot.observed.weight else shot.observed.weight
    parts = [f"{time.strftime('%H:%M:%S', time.localtime(look.at))} {where} {shot.word}{why}"]
    parts.append("traffic ?" if share is None else f"{share:.1f}%")
    parts += [f"{SHORT.get(v.id, v.id)} {_value(v, _stage(look))}" for v in look.verdicts]
    if shot.soak_seconds and shot.word in ("SOAK", "HOLD"):
        done = max(0.0, min(shot.at - state.since, shot.soak_seconds))
        parts.append(f"soak {span(done)}/{span(shot.soak_seconds)}")
    return " | ".join(parts)


def as_json(look: Look, trouble: str) -> dict[str, Any]:
    """Return a look as the documented JSON object."""
    shot = look.snapshot
    return {
        "at": look.at,
        "week": shot.state.week,
        "stage": shot.state.stage,
        "word": shot.word,
        "why": shot.why,
        "trouble": trouble,
        "traffic": {"set": shot.observed.weight, "actual": shot.observed.actual},
        "live": shot.observed.live,
        "triggers": [asdict(v) for v in look.verdicts],
        "journal": shot.state.head,
    }


def essence(look: Look, trouble: str) -> object:
    """Return what is news when it changes."""
    shot = look.snapshot
    failing = tuple(v.id for v in look.verdicts if v.status in (Outcome.FAIL, Outcome.ERROR))
    return shot.word, shot.state.week, shot.state.stage, shot.observed.weight, bool(trouble), failing


def pause(quiet: float) -> float:
    """Return after how long a line is repeated when nothing has changed for so long, seconds."""
    return 2.0 if quiet < 60 else 60.0 if quiet < 3600 else 600.0


def _stage(look: Look) -> Stage | None:
    state = look.snapshot.state
    return None if state.week is None else stage_at(state.week, state.stage)


def _value(verdict: Verdict, stage: Stage | None) -> str:
    if verdict.status in (Outcome.ERROR, Outcome.INCONCLUSIVE) or verdict.value is None:
        return "?"
    known = None if stage is None else next((t for t in stage.triggers if t.id == verdict.id), None)
    if verdict.id == "heartbeat" or known is None:
        return "ok" if verdict.status is Outcome.PASS else "NO"
    shown = words.quantity(verdict.value, known.metric, known.unit)
    return shown if verdict.status is Outcome.PASS else f"{shown} OVER"
