"""How the weeks read: the rail of nine, and one week's page. Pure."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style

from checks import words
from deployment.plan import plan
from phases.calendar import PHASES, stage_at
from phases.phase import Stage
from runbook.snapshot import Snapshot
from runbook.soak import when
from runbook.state import Status
from runbook.tui.glyphs import BLUE, ORANGE, Glyphs
from runbook.tui.paint import Part, lines, text


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
