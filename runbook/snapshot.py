"""The snapshot: one immutable picture of the walk, which status, JSON and every screen show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from checks.gate import Status as Outcome
from checks.gate import Verdict
from deployment.model import Observation, Side
from deployment.plan import plan
from phases.calendar import PHASES, stage_at
from runbook.engine import Engine
from runbook.guard_post import GuardPost, Standing
from runbook.soak import brief, when
from runbook.state import State, Status
from runbook.verdicts import recall

#: Verdicts older than this speak of another time, seconds.
FRESH = 60.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a person asks first: where am I, is it safe, what happens next, how do I get back."""

    at: float
    name: str
    state: State
    word: str  # "SOAK", "HOLD", "READY", ...
    why: str  # what is waited for, and until when
    week_name: str
    stage_name: str
    soak_seconds: float
    soak_until: float
    observed: Observation
    drift: tuple[str, ...]  # what differs from this week's deployment
    verdicts: tuple[Verdict, ...]
    measured_at: float | None
    operator: str  # who holds the lock
    next: tuple[str, ...]  # commands
    ahead: tuple[int, int] | None = None  # the (week, stage) an advance would enter
    guard: Standing | None = None  # who watches the triggers


def take(engine: Engine, *, measure: bool = False) -> Snapshot:
    """Look at everything once.

    Args:
        engine: Of the deployment.
        measure: Ask the metrics now, instead of showing what was last measured.
    """
    now = engine.clock.now()
    state = engine.state()
    observed = engine.target.observe()
    wanted = engine.wanted(state)
    differs = plan(observed, wanted.deployment) if wanted is not None and state.pending is None else ()
    measured_at: float | None
    if measure and state.status is Status.IN and state.week is not None:
        engine.judgement.poll()
        verdicts, measured_at = tuple(engine.judgement.gates(stage_at(state.week, state.stage), state)), now
    else:
        verdicts, measured_at = recall(engine.settings.place.state, state)
    stale = measured_at is None or now - measured_at > FRESH
    operator = engine.lock.holder()
    word, why = _word(engine, state, verdicts, stale, bool(differs), operator, now)
    stage = None if state.week is None else stage_at(state.week, state.stage)
    return Snapshot(
        at=now,
        name=engine.settings.name,
        state=state,
        word=word,
        why=why,
        week_name="" if state.week is None else PHASES[state.week].name,
        stage_name="" if stage is None else stage.name,
        soak_seconds=engine.soak_of(state).total_seconds(),
        soak_until=engine.soaked_at(state),
        observed=observed,
        drift=tuple(f"{s.subject}: {s.before} → {s.after}" for s in differs),
        verdicts=verdicts,
        measured_at=measured_at,
        operator=operator,
        next=_next(word, state),
        ahead=engine.next(state),
        guard=GuardPost(engine.settings.place.state).standing(),
    )


def _word(
    engine: Engine, state: State, verdicts: Sequence[Verdict], stale: bool, differs: bool, operator: str, now: float
) -> tuple[str, str]:
    if operator:
        return "AT WORK", operator
    if state.pending is not None:
        at = f" at {state.pending.change}" if state.pending.change else ""
        return "INTERRUPTED", f"{state.pending.kind} to week {state.pending.week} was cut off{at}"
    if state.status is Status.NEW:
        return "NEW", "no week is entered yet"
    if state.status is Status.FINISHED:
        return "DONE", "fusepy is gone; the archive can bring it back"
    if state.status is Status.ROLLED_BACK:
        held = ": it holds until somebody says why it may go on" if state.automatic else ""
        return "ROLLED BACK", (state.reason or "fusepy serves every client") + held
    if differs:
        return "DRIFT", "what is observed differs from this week's deployment"
    until = engine.soaked_at(state)
    failed = [v for v in verdicts if v.status is not Outcome.PASS and v.id not in state.overrides]
    if now < until:
        return "SOAK", f"until {when(until)}"
    if failed and not stale:
        return "HOLD", brief(failed[0])
    return "READY", "the soak is over; `advance` asks the gates and the checks"


def _next(word: str, state: State) -> tuple[str, ...]:
    if word == "ROLLED BACK" and state.automatic:
        return "history", "check", "advance --reason TEXT"
    return {
        "AT WORK": ("status",),
        "INTERRUPTED": ("advance", "rollback"),
        "NEW": ("plan", "advance"),
        "DONE": ("history", "rollback"),
        "ROLLED BACK": ("check", "advance"),
        "DRIFT": ("plan", "advance", "rollback"),
        "SOAK": ("status --measure", "advance --wait", "rollback"),
        "HOLD": ("check", "advance --wait", "rollback"),
        "READY": ("plan", "advance", "rollback"),
    }[word]


def as_json(snapshot: Snapshot) -> dict[str, Any]:
    """Return the snapshot as the documented JSON object."""
    state, seen = snapshot.state, snapshot.observed
    return {
        "format": 1,
        "kind": "status",
        "at": snapshot.at,
        "name": snapshot.name,
        "week": state.week,
        "week_name": snapshot.week_name,
        "stage": state.stage,
        "stage_name": snapshot.stage_name,
        "status": str(state.status),
        "word": snapshot.word,
        "why": snapshot.why,
        "interrupted": None if state.pending is None else asdict(state.pending),
        "soak": {"seconds": snapshot.soak_seconds, "until": snapshot.soak_until if state.week is not None else None},
        "traffic": {"set": seen.weight, "actual": seen.actual},
        "sides": {str(side): _side(seen, side) for side in Side},
        "live": seen.live,
        "draining": [i.name for i in seen.instances if i.draining],
        "drift": list(snapshot.drift),
        "gates": [asdict(v) for v in snapshot.verdicts],
        "overrides": dict(state.overrides),
        "measured_at": snapshot.measured_at,
        "operator": snapshot.operator,
        "guard": None if snapshot.guard is None else asdict(snapshot.guard),
        "notes": list(seen.notes),
        "journal": state.head,
        "next": list(snapshot.next),
    }


def _side(seen: Observation, side: Side) -> dict[str, Any] | None:
    now = seen.serving(side)
    if now is None:
        return None
    return {
        "name": now.name,
        "image": str(now.image),
        "serving": now.serving,
        "ready": now.ready,
        "detail": now.detail,
        "address": now.address,
        "mount": now.mount,
    }
