"""How the present reads: traffic, gates, and what happened last. Pure."""

from __future__ import annotations

import time

from textual.content import Content

from checks import words
from checks.gate import Status as Outcome
from checks.gate import Threshold
from deployment.model import Side
from phases.calendar import stage_at
from runbook.cli.history import telling
from runbook.cli.history import words as event_words
from runbook.cli.words import needs_guard
from runbook.journal import Event
from runbook.metering import Metered, bars
from runbook.snapshot import Snapshot
from runbook.state import Status
from runbook.tui.glyphs import BLUE, ORANGE, Glyphs
from runbook.tui.paint import Part, claim, count, lines, text, value


def traffic(shot: Snapshot, width: int) -> Content:
    """Return who serves how much, set and actual, and whether everybody is well."""
    seen = shot.observed
    rows: list[list[Part]] = []
    if seen.weight is None:
        rows.append([("the router does not answer: the share is unknown", f"bold {ORANGE}")])
    else:
        room = max(10, width - 18)
        canary = round(room * seen.weight / 100)
        bar = [("█" * (room - canary), BLUE), ("░" * canary, ORANGE)]
        rows.append(["fusepy ", *bar, " pyfuse3"])
        actual = "no requests yet" if seen.actual is None else f"actual {seen.actual:.1f}%"
        rows.append([f"pyfuse3 set {seen.weight}%  {actual} · fusepy {100 - seen.weight}%"])
    for side in Side:
        now = seen.serving(side)
        row: list[Part] = [(f"{side:<7} ", "dim")]
        if now is None:
            row.append("does not run")
        else:
            row.append(text(f"{now.name}, image {now.image}, serves {now.serving or 'nothing'}"))
            row.append("  ready" if now.ready else (f"  NOT READY {text(now.detail)}", f"bold {ORANGE}"))
            if side is Side.CANARY and seen.weight == 0:
                row.append("  (shadow)")
        rows.append(row)
    live: Part = seen.live or (text(f"nothing: {seen.live_detail or 'not mounted'}"), f"bold {ORANGE}")
    rows.append([("live    ", "dim"), "the mount path shows ", live])
    if shot.guard is not None and (shot.guard.alive or shot.guard.lost or needs_guard(shot)):
        row = [("guard   ", "dim"), (text(shot.guard.words), "" if shot.guard.alive else f"bold {ORANGE}")]
        rows.append([*row, (f"  {text(shot.guard.trouble)}", f"bold {ORANGE}")] if shot.guard.trouble else row)
    draining = [i.name for i in seen.instances if i.draining]
    if draining:
        rows.append([("drains  ", "dim"), text(words.listed(draining))])
    rows += [[("note    ", "dim"), text(note)] for note in seen.notes]
    return lines(rows)


def gates_title(shot: Snapshot) -> str:
    """Return how many gates say what."""
    said = [v.status for v in shot.verdicts]
    if not said:
        return "Gates"
    holds = sum(s not in (Outcome.PASS, Outcome.FAIL) for s in said)
    return f"Gates: {said.count(Outcome.PASS)} pass · {said.count(Outcome.FAIL)} FAIL · {holds} unknown"


def gates(shot: Snapshot, metered: Metered | None, g: Glyphs, width: int) -> Content:
    """Return every gate of this stage: value, limit, window, samples, recent values, and the reason."""
    state = shot.state
    if state.week is None or state.status is not Status.IN:
        return Content("no gates here: nothing is to be left")
    thresholds = {t.id: t for t in stage_at(state.week, state.stage).gates}
    if not thresholds:
        return Content("no gates here; the checks decide")
    said = {v.id: v for v in shot.verdicts}
    rows: list[list[Part]] = []
    for name, threshold in thresholds.items():
        verdict = said.get(name)
        if verdict is None:
            rows.append([f"{g.unknown} {name:<13}  not measured yet  {claim(threshold)}"])
            continue
        style = "" if verdict.status is Outcome.PASS else f"bold {ORANGE}"
        row: list[Part] = [(f"{g.mark(verdict.status)} {name:<12}", style)]
        row.append(f"{value(threshold, verdict.value):>8} {claim(threshold):<7}")
        row.append((f" {words.duration(verdict.window):>6} n={count(verdict.samples)}", "dim"))
        spark = history(threshold, metered, min(30, width - 56), g) if width > 62 else ""
        rows.append([*row, (f"  {spark}", BLUE)] if spark else row)
        if verdict.status is not Outcome.PASS:
            over = f" (overridden: {state.overrides[name]})" if name in state.overrides else ""
            rows.append([("       ", ""), text(verdict.reason + over)])
    return lines(rows)


def history(threshold: Threshold, metered: Metered | None, width: int, g: Glyphs) -> str:
    """Return what the gate's metric was on the canary as a row of bars, scaled so that the limit is the top."""
    one = next((m for m in metered.meters if m.metric is threshold.metric), None) if metered is not None else None
    if one is None:
        return ""
    points = one.points[Side.CANARY][-width:]
    own = 0.0 if threshold.against is not None or threshold.at_least else threshold.limit
    return bars(points, max([own, *(p.value for p in points if p.value is not None)]), utf8=g.utf8)


def events(seen: tuple[Event, ...], most: int) -> Content:
    """Return the newest events, newest first."""
    shown = [e for e in reversed(seen) if telling(e)][:most]
    if not shown:
        return Content("nothing yet")
    return lines([(time.strftime("%H:%M:%S ", time.localtime(e.at)), "dim"), text(event_words(e))] for e in shown)
