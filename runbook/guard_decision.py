"""What the guard does about what it saw. Pure: from a look and the heartbeats to one decision with its reason.

What is safest where the side to go back to is not well either:

- it does not answer: the engine starts a fresh fusepy beside it and proves it before any traffic moves; until then
  everybody stays where they are;
- it answers and fails as often as the canary, as both do on a full disk: moving would help nobody, so it holds and
  alerts, and goes back as soon as fewer operations fail there;
- the canary does not answer at all: some answers are better than none, so it goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from checks.gate import Status as Outcome
from checks.gate import Verdict
from deployment.model import InstanceState, Observation, Side
from runbook.guard_beats import Pulse
from runbook.judgement import breached
from runbook.snapshot import Snapshot
from runbook.state import State, Status

LIVE = "live path"
HEARTBEAT = "heartbeat"


class Do(StrEnum):
    """What is done."""

    NOTHING = "nothing"
    HOLD = "hold"  # nothing can be made better: say so, journal it, look again
    REPAIR = "repair"  # the stable path died, its side is well
    ROLL_BACK = "roll back"


@dataclass(slots=True)
class Look:
    """What the guard saw once."""

    at: float
    state: State
    snapshot: Snapshot
    verdicts: tuple[Verdict, ...]  # the canary's triggers
    refuge: tuple[Verdict, ...]  # the same of the side that would be gone back to
    judged: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, and why."""

    do: Do
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    loud: tuple[str, ...] = ()  # what must be said aloud
    at_once: bool = False  # what was seen is good enough to move by
    automatic: bool = True


@dataclass(frozen=True, slots=True)
class _Breach:
    id: str
    reason: str
    silent: bool  # the canary does not answer
    value: float | None = None


def decide(look: Look, state: State, pulses: Mapping[str, Pulse], *, blind: bool = False) -> Decision:
    """Return what is to be done now.

    Args:
        look: What was seen; it may be older than `state`, and what it says of another stage is not used.
        state: Where the walk is, by the journal as it is now.
        pulses: The heartbeats, as they are now.
        blind: The source has failed too often in a row.
    """
    unfinished = _unfinished(look, state)
    if unfinished is not None:
        return unfinished
    breach = _breach(look, state, pulses)
    if breach is not None:
        return _go_back(breach, look, pulses)
    dead = pulses.get(LIVE)
    if dead is not None and dead.convicted and state.status is Status.IN and state.pending is None:
        return _revive(look, pulses, dead)
    if blind:
        why = next((v.reason for v in look.verdicts if v.status is Outcome.ERROR), "")
        return Decision(Do.HOLD, f"the metrics do not answer: {why}")
    return Decision(Do.NOTHING)


def _unfinished(look: Look, state: State) -> Decision | None:
    """Return how a rollback that was cut off, or undone by hand, is brought to its end."""
    at_work = look.snapshot.operator
    if state.pending is not None and state.pending.kind == "rollback":
        if at_work or look.state.pending != state.pending:
            return Decision(Do.NOTHING)  # somebody rolls back, or may
        reason = state.pending.reason or "an interrupted rollback, completed by the guard"
        return Decision(Do.ROLL_BACK, reason, automatic=state.pending.automatic)
    moved = on_canary(look.snapshot.observed)
    if state.status is Status.ROLLED_BACK and moved and not at_work and look.state == state:
        reason = f"clients are on pyfuse3 although it was rolled back: {state.reason}".rstrip(": ")
        return Decision(Do.ROLL_BACK, reason, automatic=state.automatic)
    return None


def _breach(look: Look, state: State, pulses: Mapping[str, Pulse]) -> _Breach | None:
    if not same_stage(look.state, state) or not look.verdicts:
        return None
    canary = serving_at(look.snapshot.observed, Side.CANARY)
    pulse = pulses.get(canary.name) if canary is not None else None
    if pulse is not None and pulse.fault:
        return _Breach(HEARTBEAT, f"{HEARTBEAT}: the mount of {canary.name if canary else ''}: {pulse.fault}", True)
    # a metrics page that is late is no mount that does not answer, where the mount itself and the API say otherwise
    answers = pulse is not None and pulse.well and canary is not None and canary.ready
    failed = breached([v for v in look.verdicts if not (answers and v.id == HEARTBEAT)])
    if failed is None:
        return None
    reason = failed.reason if failed.id in failed.reason else f"{failed.id}: {failed.reason}"
    return _Breach(failed.id, reason, failed.id == HEARTBEAT, failed.value)


def on_canary(seen: Observation) -> bool:
    """Tell whether clients are on the canary, by the router or by the stable path."""
    shown = seen.named(seen.live) if seen.live else None
    return bool(seen.weight) or (shown is not None and shown.side is Side.CANARY)


def serving_at(seen: Observation, side: Side) -> InstanceState | None:
    """Return the instance that a side's traffic goes to, which is not the newest one while that is being started."""
    return seen.named(seen.routes.get(side, "")) or seen.serving(side)


def same_stage(one: State, other: State) -> bool:
    """Tell whether two states are of one stage, and of one attempt at it."""

    def stage(state: State) -> tuple[object, ...]:
        return state.status, state.week, state.stage, state.since, state.pending and state.pending.since

    return stage(one) == stage(other)


def _go_back(breach: _Breach, look: Look, pulses: Mapping[str, Pulse]) -> Decision:
    seen = look.snapshot.observed
    stable = seen.serving(Side.STABLE)
    pulse = pulses.get(stable.name) if stable is not None else None
    evidence: dict[str, Any] = {
        "trigger": breach.id,
        "heartbeats": {name: asdict(p) | {"beats": list(p.beats)} for name, p in pulses.items()},
        "refuge": [asdict(v) for v in look.refuge],
    }
    silence = ""
    if stable is None:
        silence = "no fusepy runs"
    elif not stable.ready:
        silence = f"{stable.name} is not ready: {stable.detail}"
    elif stable.serving != "fusepy":
        silence = f"{stable.name} serves {stable.serving}, not fusepy"
    if silence:
        loud: tuple[str, ...] = (
            f"NEITHER SIDE IS HEALTHY: {silence}",
            "a fresh fusepy is started and proved before traffic moves",
        )
        return Decision(Do.ROLL_BACK, breach.reason, {**evidence, "silence": silence}, loud)
    if pulse is not None and pulse.convicted:
        # its Bridge says it is ready and will soon say otherwise: then a fresh one is started
        return Decision(Do.HOLD, f"NEITHER SIDE IS HEALTHY: {breach.reason}; the mount of stable: {pulse.fault}")
    worse = next((v for v in look.refuge if v.status is Outcome.FAIL), None)
    if worse is None or breach.silent:
        loud = (f"fusepy is not well either: {worse.reason}",) if worse is not None else ()
        return Decision(Do.ROLL_BACK, breach.reason, evidence, loud, at_once=True)
    if worse.id == breach.id and _fewer(worse.value, breach.value):
        loud = (f"fusepy is not well either ({worse.reason}), but fewer operations fail there",)
        return Decision(Do.ROLL_BACK, breach.reason, evidence, loud, at_once=True)
    return Decision(
        Do.HOLD, f"NEITHER SIDE IS HEALTHY: {breach.reason}; fusepy: {worse.reason}; traffic stays", evidence
    )


def _fewer(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other


def _revive(look: Look, pulses: Mapping[str, Pulse], dead: Pulse) -> Decision:
    """Show the stable path's own side on it again, where that side is well and nothing else differs."""
    fault = f"the stable mount path does not answer: {dead.fault}"
    well = any(i.name in pulses and pulses[i.name].well for i in look.snapshot.observed.instances)
    drift = look.snapshot.drift
    if look.snapshot.operator or not well or not drift:
        return Decision(Do.NOTHING, fault)  # somebody is at it, its Bridge mounts again, or it was not observed yet
    if not all(line.startswith(f"{LIVE}:") for line in drift):
        return Decision(Do.HOLD, fault)
    return Decision(Do.REPAIR, f"the stable mount path died ({dead.error}); its Bridge is well: showing it again")
