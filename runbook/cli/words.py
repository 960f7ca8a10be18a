"""How a snapshot reads on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from checks.gate import Status as Outcome
from deployment.model import Side
from phases.calendar import stage_at
from runbook.snapshot import FRESH, Snapshot
from runbook.soak import brief
from runbook.state import LAST_WEEK, Status


def describe(seen: Snapshot) -> Iterator[str]:
    """Yield the lines of `status`."""
    week = "not started" if seen.state.week is None else f"week {seen.state.week} of {LAST_WEEK}  {seen.week_name}"
    stage = f" ({seen.stage_name})" if seen.stage_name else ""
    yield f"{seen.name}  {week}{stage}  {seen.word}"
    yield f"  traffic   {_traffic(seen)}"
    for side in Side:
        yield f"  {side:<9} {_side(seen, side)}"
    yield f"  live path {seen.observed.live or seen.observed.live_detail or 'not mounted'}"
    draining = [i.name for i in seen.observed.instances if i.draining]
    if draining:
        yield f"  draining  {', '.join(draining)}"
    if seen.drift:
        yield from (f"  drift     {line}" for line in seen.drift)
    if seen.verdicts or seen.state.week is not None:
        yield f"  gate      {_gates(seen)}"
    yield from (
        f"  override  {gate}: {reason} (until this stage is left)" for gate, reason in seen.state.overrides.items()
    )
    if seen.soak_seconds:
        done = max(0.0, min(seen.at - seen.state.since, seen.soak_seconds))
        yield f"  soak      {span(done)} of {span(seen.soak_seconds)}"
    if seen.why:
        yield f"  {'held by' if seen.word == 'HOLD' else 'now':<9} {seen.why}"
    yield from (f"  note      {note}" for note in seen.observed.notes)
    yield from _guard(seen)
    yield "next: " + ", or ".join(f"`lighthouse-migrate {command}`" for command in seen.next)


def _guard(seen: Snapshot) -> Iterator[str]:
    """Say who watches, wherever there is something to be watched or somebody who should and does not."""
    if seen.guard is None or not (seen.guard.alive or seen.guard.lost or needs_guard(seen)):
        return
    yield f"  guard     {seen.guard.words}{f'; {seen.guard.trouble}' if seen.guard.trouble else ''}"
    if not seen.guard.alive:
        yield "            `lighthouse-migrate watch`, or `watch --install` for systemd"


def needs_guard(seen: Snapshot) -> bool:
    """Tell whether the stage has triggers that somebody must watch."""
    state = seen.state
    return state.status is Status.IN and state.week is not None and bool(stage_at(state.week, state.stage).triggers)


def span(seconds: float) -> str:
    """Return a duration as a person reads it: 45s, 12m, 2d04h."""
    if seconds < 120:
        return f"{seconds:.0f}s"
    if seconds < 7200:
        return f"{seconds / 60:.0f}m"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f}h"
    days, rest = divmod(seconds, 86400)
    return f"{days:.0f}d{rest // 3600:02.0f}h"


def _traffic(seen: Snapshot) -> str:
    weight = seen.observed.weight
    if weight is None:
        return "unknown: the router does not answer"
    actual = "no requests yet" if seen.observed.actual is None else f"actual {seen.observed.actual:.1f}%"
    return f"fusepy {100 - weight}%  pyfuse3 {weight}% ({actual})"


def _side(seen: Snapshot, side: Side) -> str:
    now = seen.observed.serving(side)
    if now is None:
        return "does not run"
    serving = f"serves {now.serving}" if now.serving else "serves nothing"
    return f"{now.name}, image {now.image}, {serving}{'' if now.ready else f', NOT READY: {now.detail}'}"


def _gates(seen: Snapshot) -> str:
    if seen.measured_at is None:
        return "not measured yet; `status --measure` asks now"
    parts = [f"{sum(v.status is Outcome.PASS for v in seen.verdicts)} pass"]
    parts += [f"1 FAIL ({brief(v)})" for v in seen.verdicts if v.status is Outcome.FAIL]
    parts += [f"1 unknown ({brief(v)})" for v in seen.verdicts if v.status not in (Outcome.PASS, Outcome.FAIL)]
    age = seen.at - seen.measured_at
    return ", ".join(parts) + (f"  (measured {span(age)} ago)" if age > FRESH else "")
