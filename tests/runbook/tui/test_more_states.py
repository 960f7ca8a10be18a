"""Rooms whose body is another one in another state, as pictures at two sizes; each state of home is in test_screens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from checks.check import Finding, Severity
from checks.registry import CHECKS
from checks.remedies import ours
from checks.runner import Result
from deployment.errors import HeldError, UnreachableError
from deployment.model import Side
from runbook.tui.app import MigrateApp
from runbook.tui.checks import ChecksRoom
from runbook.tui.history import HistoryRoom
from runbook.tui.look import Seen
from runbook.tui.plan import PlanRoom
from runbook.tui.workers import Ended, Said, Work
from tests.runbook.tui.hand import EVENTS, PICTURES, app_of, metered, nobody
from tests.runbook.tui.test_questions import showing
from tests.runbook.tui.test_screens import both_sizes

ROLLING = (
    "-- rollback, 08:53:20 --",
    "1/3 router weight    10% → 0%   verified   0.04 s",
    "2/3 canary-1         serves pyfuse3 → drained   verified   0.52 s",
)


def alone(side: Side) -> Seen:
    """Return a look at a walk where one side alone has a past."""
    past = metered()
    other = Side.STABLE if side is Side.CANARY else Side.CANARY
    meters = tuple(replace(one, points={**one.points, other: ()}) for one in past.meters)
    rates = tuple(replace(one, points={**one.points, other: ()}) for one in past.rates)
    told = replace(past, meters=meters, rates=rates, trouble=(f"{other}: no samples",))
    return replace(PICTURES["week-8" if side is Side.CANARY else "rolled-back"], metered=told)


@both_sizes
@pytest.mark.parametrize("side", [Side.CANARY, Side.STABLE], ids=["week-8", "breach"])
def test_metrics_of_one_side(snap_compare: Any, side: Side, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], _app: MigrateApp) -> None:
        await pilot.press("m")

    assert snap_compare(app_of(alone(side)), terminal_size=size, run_before=showing(act))


@both_sizes
@pytest.mark.parametrize("state", ["week-8", "offline"])
def test_plan_where_there_is_none(snap_compare: Any, state: str, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        room = app.enter(PlanRoom)
        await pilot.pause()
        if state == "week-8":
            room.planned((), EVENTS)
        else:
            room.unplanned(UnreachableError("the [b]supervisor[/b] does not answer", "`lighthouse-migrate status`"))

    assert snap_compare(app_of(PICTURES[state]), terminal_size=size, run_before=showing(act))


@both_sizes
def test_checks_that_are_being_asked(snap_compare: Any, size: tuple[int, int]) -> None:
    unknown = Finding("it did not answer within 10 s", "What is not known may be wrong.", severity=Severity.UNKNOWN)
    torn = Finding("a line is [torn]", "", "repair it", (ours("check --fix boundary"),), Severity.WARN)

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        names = app.asked_ids()
        app.works = [Work("checks", lambda _engine, _work: "", nobody, lambda _message: None)]
        app.results = {
            name: Result(CHECKS[name], found, 0.4) for name, found in zip(names, (torn, unknown, None), strict=False)
        }
        app.enter(ChecksRoom)

    assert snap_compare(app_of(PICTURES["rolled-back"]), terminal_size=size, run_before=showing(act))


@both_sizes
def test_a_journal_that_was_changed(snap_compare: Any, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        room = app.enter(HistoryRoom)
        await pilot.pause()
        room.read(EVENTS, 118)

    assert snap_compare(app_of(PICTURES["rolled-back"]), terminal_size=size, run_before=showing(act))


@both_sizes
@pytest.mark.parametrize("state", ["rolled-back", "offline"])
def test_explain_where_nothing_was_measured(snap_compare: Any, state: str, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], _app: MigrateApp) -> None:
        await pilot.press("e")

    assert snap_compare(app_of(PICTURES[state]), terminal_size=size, run_before=showing(act))


@both_sizes
def test_the_log_of_a_rollback_under_way(snap_compare: Any, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        for line in ROLLING:
            app.on_said(Said(line))
        await pilot.press("l")

    assert snap_compare(app_of(PICTURES["rolling-back"]), terminal_size=size, run_before=showing(act))


@both_sizes
def test_the_log_of_an_advance_that_was_refused(snap_compare: Any, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        work = Work("advance", lambda _engine, _work: "", nobody, lambda _message: None)
        work.error = HeldError("week 5 cannot be left: backup: it is torn", "`lighthouse-migrate check backup`")
        app.on_said(Said(f"error: {work.error.message}"))
        app.on_said(Said(f"hint: {work.error.hint}"))
        app.on_ended(Ended(work))
        await pilot.press("l")

    assert snap_compare(app_of(PICTURES["hold"]), terminal_size=size, run_before=showing(act))
