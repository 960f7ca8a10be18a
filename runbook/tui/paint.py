"""How a look reads as lines: pure functions from what was seen to content, one for each part of the home screen.

Content is assembled from parts and never parsed, so markup in what comes from outside is text.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from textual.content import Content
from textual.style import Style

from checks import words
from checks.gate import Status as Outcome
from checks.gate import Threshold, Verdict
from deployment.metrics.source import Metric
from deployment.model import Side
from deployment.plan import plan
from phases.calendar import PHASES, stage_at
from phases.phase import Stage
from runbook.cli.history import telling
from runbook.cli.history import words as event_words
from runbook.cli.output import fit
from runbook.cli.words import needs_guard, span
from runbook.journal import Event
from runbook.snapshot import Snapshot
from runbook.soak import brief, when
from runbook.state import LAST_WEEK, Status
from runbook.tui.glyphs import BLUE, ORANGE, Glyphs
from runbook.tui.keys import Key
from runbook.tui.look import Seen, Trail

Part = str | tuple[str, str]

#: Words that mean somebody should look now.
ALARMING = frozenset({"HOLD", "DRIFT", "INTERRUPTED", "ROLLED BACK"})
#: A look older than this is called stale, seconds.
STALE = 6.0


def text(line: str) -> str:
    """Return one line from outside as it can be shown."""
    return fit(line.replace("\n", " ").replace("\t", " "), "utf-8")


def lines(rows: Iterable[Iterable[Part]]) -> Content:
    """Return rows of parts as content."""
    return Content("\n").join([Content.assemble(*row) for row in rows])


def head(seen: Seen | None, trouble: tuple[str, str] | None, age: float, now: float, at_work: str) -> Content:
    """Return the header: where we are, whether it is safe, and how old this is."""
    if seen is None:
        return Content.assemble(
            " lighthouse-migrate  ", (text(trouble[0]), f"bold {ORANGE}") if trouble else "looking ..."
        )
    shot = seen.snapshot
    place = "not started" if shot.state.week is None else f"week {shot.state.week} of {LAST_WEEK} {shot.week_name}"
    stages = () if shot.state.week is None else PHASES[shot.state.week].stages
    stage = f" ({shot.stage_name})" if len(stages) > 1 else ""
    row: list[Part] = [f" {text(shot.name)} · {place}{stage} ", (f" {shot.word} ", _word_style(shot.word))]
    if shot.word == "SOAK":
        row.append(f" {span(max(0.0, shot.soak_until - now))} left")
    if at_work:
        row.append((f" · {at_work}", f"bold {ORANGE}"))
    if age > STALE:
        row.append((f" · stale {age:.0f} s", f"bold {ORANGE}"))
    elif shot.measured_at is not None:
        row.append(f" · metrics {span(max(0.0, now - shot.measured_at))} ago")
    guard = shot.guard
    if guard is not None and (guard.lost or (needs_guard(shot) and not guard.alive)):
        row.append((" · GUARD LOST" if guard.lost else " · no guard", f"bold {ORANGE}"))
    if trouble is not None:
        row.append((f" · {text(trouble[0])}", f"bold {ORANGE}"))
    return Content.assemble(*row)


def _word_style(word: str) -> str:
    return f"bold black on {ORANGE}" if word in ALARMING else f"bold white on {BLUE}"


def foot(keys: tuple[Key, ...]) -> Content:
    """Return the footer; a click on a key does what the key does."""
    parts: list[Content] = []
    for key in keys:
        click = Style.from_meta({"@click": f"app.{key.action}"})
        named = Content.assemble((f" {key.shown}", f"bold {ORANGE}"), f" {key.label} ")
        parts.append(named.stylize(click))
    return Content("").join(parts)


def rail(shot: Snapshot, shown: int | None, g: Glyphs) -> Content:
    """Return the nine weeks, each with a symbol and a word; the one that is read is marked."""
    rows = []
    for phase in PHASES:
        where = _where(shot, phase.week)
        symbol = {"done": g.ok, "here": g.here, "ahead": g.ahead}[where]
        row = Content.assemble(
            f"{symbol:<4}" if not g.utf8 else f"{symbol} ",
            (f"{phase.week} {phase.name:<12}", "bold" if where == "here" else ""),
            (where, f"bold {BLUE}" if where == "here" else "dim"),
        )
        if phase.week == shown:
            row = row.stylize("reverse")
        rows.append(row.stylize(Style.from_meta({"@click": f"app.show_week({phase.week})"})))
    return Content("\n").join(rows)


def _where(shot: Snapshot, week: int) -> str:
    state = shot.state
    if state.status is Status.FINISHED:
        return "done"
    if state.week is None or week > state.week:
        return "ahead"
    if state.status is Status.ROLLED_BACK:
        there = shot.ahead[0] if shot.ahead else 0
        return "here" if week == there else "done" if week < there else "ahead"
    return "here" if week == state.week else "done"


def page(shot: Snapshot, week: int) -> Content:
    """Return one week's page: its goal, what would change, what is asked at its door."""
    phase = PHASES[week]
    rows: list[list[Part]] = [[(phase.goal, "")]]
    here = shot.state.status is Status.IN and week == shot.state.week
    ahead = shot.ahead
    if here:
        rows.append([("Here    ", "dim"), f"since {when(shot.state.since)}"])
        rows += [[("Drift   ", f"bold {ORANGE}"), text(line)] for line in shot.drift]
        if ahead is not None:
            rows.append([("Ahead   ", "dim"), f"week {ahead[0]} {PHASES[ahead[0]].name}, ", _stage(stage_at(*ahead))])
            rows += _changes(shot, stage_at(*ahead))
        elif shot.state.status is Status.IN:
            rows.append([("Ahead   ", "dim"), "the end: the walk is done once this week is left"])
    else:
        for number, stage in enumerate(phase.stages):
            soak = f"soaks {words.duration(stage.soak.total_seconds())}" if stage.soak else "no soak"
            rows.append([("Stage   " if number == 0 else "        ", "dim"), _stage(stage), f", {soak}"])
        first = stage_at(*ahead) if ahead is not None and ahead[0] == week else phase.stages[0]
        rows += _changes(shot, first)
    asked = asked_by(shot) if here else phase.stages[0].entry
    rows.append([("Checks  ", "dim"), f"{len(asked)}: {words.listed(asked, 4)}" if asked else "none"])
    if phase.confirm_by_name:
        rows.append([("Entry   ", "dim"), "wants the deployment's name typed"])
    return lines(rows)


def _stage(stage: Stage) -> str:
    deployment = stage.deployment
    share = f", {deployment.weight}% on pyfuse3" if deployment.canary or deployment.weight else ""
    return stage.name if stage.name.endswith("%") else f"{stage.name}{share}"


def _changes(shot: Snapshot, stage: Stage) -> list[list[Part]]:
    if not shot.observed.instances and not shot.observed.router and shot.state.week is not None:
        return [[("Change  ", "dim"), "unknown: nothing answers"]]
    found = plan(shot.observed, stage.deployment)
    if not found:
        return [[("Change  ", "dim"), "purges the project" if stage.cleanup else "nothing of the deployment"]]
    listed = [text(f"{c.subject} {c.before} → {c.after}") for c in found]
    return [[("Change  ", "dim"), f"{len(found)}: ", words.listed(listed, 3)]]


def asked_by(shot: Snapshot) -> tuple[str, ...]:
    """Return the checks at the exit of this stage and at the door of the next."""
    state = shot.state
    asked = [*stage_at(state.week, state.stage).exit] if state.week is not None and state.status is Status.IN else []
    asked += [*stage_at(*shot.ahead).entry] if shot.ahead is not None else []
    return tuple(dict.fromkeys(asked))


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


def gates(shot: Snapshot, trail: Trail, g: Glyphs, width: int) -> Content:
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
        spark = trail.spark(verdict, min(30, width - 56)) if width > 62 else ""
        rows.append([*row, (f"  {spark}", BLUE)] if spark else row)
        if verdict.status is not Outcome.PASS:
            over = f" (overridden: {state.overrides[name]})" if name in state.overrides else ""
            rows.append([("       ", ""), text(verdict.reason + over)])
    return lines(rows)


def count(samples: int) -> str:
    """Return a number of samples in few columns: 950, 91k, 3M."""
    for factor, unit in ((10**6, "M"), (10**3, "k")):
        if samples >= 10 * factor or samples == factor:
            return f"{samples // factor}{unit}"
    return str(samples)


def claim(threshold: Threshold) -> str:
    """Return a threshold's limit."""
    sign = "≥" if threshold.at_least else "≤"
    return f"{sign} {words.quantity(threshold.limit, threshold.metric, threshold.unit)}"


def value(threshold: Threshold, found: float | None) -> str:
    """Return a measured value in the threshold's unit."""
    if found is None:
        return "no data"
    if threshold.metric is Metric.RESPONSIVE:
        return "yes" if found >= 1 else "no"
    return words.quantity(found, threshold.metric, threshold.unit)


_TRY = {
    "status": "l what it says",
    "plan": "p read the plan",
    "advance": "a advance",
    "advance --wait": "a then w: wait and advance",
    "rollback": "R roll back",
    "check": "c run the checks",
    "history": "h read the history",
    "status --measure": "r measure now",
}


def next_steps(seen: Seen, now: float, width: int) -> Content:
    """Return what is waited for, what to do, and how to get back."""
    shot = seen.snapshot
    rows: list[list[Part]] = []
    if shot.soak_seconds and shot.state.status is Status.IN:
        done = max(0.0, min(now - shot.state.since, shot.soak_seconds))
        room = max(6, min(20, width - 40))
        full = round(room * done / shot.soak_seconds)
        rows.append(["soak ", ("█" * full + "░" * (room - full), BLUE), f" {span(done)} of {span(shot.soak_seconds)}"])
    held = shot.word in ALARMING
    label = "Held by: " if shot.word == "HOLD" else f"{shot.word}: "
    rows.append([(label, f"bold {ORANGE}" if held else "bold"), text(shot.why)])
    tries = [_TRY.get(command, command) for command in shot.next]
    explain = [f"e explain {v.id}" for v in shot.verdicts if v.status is not Outcome.PASS][:1]
    rows.append([("Try: ", "bold"), " · ".join([*tries[:1], *explain, *tries[1:]])])
    if "rollback" not in shot.next and shot.state.status is not Status.NEW:
        rows.append([("Back: ", "bold"), "R brings fusepy to every client"])
    return lines(rows)


def events(seen: tuple[Event, ...], most: int) -> Content:
    """Return the newest events, newest first."""
    shown = [e for e in reversed(seen) if telling(e)][:most]
    if not shown:
        return Content("nothing yet")
    return lines([(time.strftime("%H:%M:%S ", time.localtime(e.at)), "dim"), text(event_words(e))] for e in shown)


def reasons(shot: Snapshot) -> tuple[str, ...]:
    """Return why the walk does not go on, gate by gate."""
    return tuple(brief(v) for v in shot.verdicts if v.status is not Outcome.PASS)


def verdict_of(shot: Snapshot, name: str) -> Verdict | None:
    """Return one gate's newest verdict, or None."""
    return next((v for v in shot.verdicts if v.id == name), None)
