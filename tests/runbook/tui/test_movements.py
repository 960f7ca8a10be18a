"""The keys that move the deployment, on a real engine over a simulated world."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from checks.gate import Status as Outcome
from checks.runner import Result
from runbook.state import State, Status
from runbook.tui.app import MigrateApp
from runbook.tui.dialogs import ConsentDialog, LeaveDialog, ReasonDialog
from runbook.tui.home import Home
from runbook.tui.log import LogRoom
from tests.runbook.tui.operated import Operated, operate
from tests.runbook.tui.settled import text_of, until

ROOMS = ("p", "h", "m", "s", "e", "l", "c", "question_mark")


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_rollback_starts_from_every_room_without_a_question(operated: Operated, room: str) -> None:
    operated.walk.to(4)

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        if room:
            await pilot.press(room)
        await pilot.press("R")
        assert isinstance(app.screen, LogRoom)
        await until(pilot, lambda: any("rolled back to fusepy in" in line for line in app.lines))
        assert any("verified" in line for line in app.lines)

    operate(operated.app(), act)
    assert operated.walk.engine.state().status is Status.ROLLED_BACK


def test_advance_shows_the_plan_and_asks(operated: Operated) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        assert operated.walk.engine.state().status is Status.NEW
        assert "Undo" in text_of(app)
        await pilot.press("y")
        await until(pilot, lambda: any("in week 0" in line for line in app.lines))
        await pilot.press("escape")
        await until(pilot, lambda: app.seen is not None and app.seen.snapshot.state.week == 0)

    operate(operated.app(), act)
    assert operated.walk.engine.state().week == 0


@pytest.mark.parametrize("key", ["n", "escape"])
def test_an_advance_that_is_not_agreed_to_changes_nothing(operated: Operated, key: str) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await pilot.press(key)
        await until(pilot, lambda: any("not agreed to" in line for line in app.lines))

    operate(operated.app(), act)
    assert operated.walk.kinds == []
    assert operated.walk.world.done == []


def test_rollback_takes_over_from_an_advance_that_waits_for_an_answer(operated: Operated) -> None:
    operated.walk.to(4)
    operated.walk.clock.time += 60

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await pilot.press("R")
        await until(pilot, lambda: any("rolled back to fusepy in" in line for line in app.lines))

    operate(operated.app(), act)
    assert operated.walk.engine.state().status is Status.ROLLED_BACK


def test_the_full_week_wants_the_name_typed(operated: Operated) -> None:
    operated.walk.to(6, 2)
    operated.walk.clock.time += 60

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await pilot.press("y", "enter")  # typed, not agreed
        assert isinstance(app.screen, ConsentDialog)
        app.screen.query_one(Input).value = ""
        await pilot.press(*"test", "enter")
        await until(pilot, lambda: any("in week 7" in line for line in app.lines))

    operate(operated.app(), act)
    assert operated.walk.engine.state().week == 7


def test_a_hold_is_said_and_waiting_ends_it(operated: Operated) -> None:
    operated.walk.to(1)

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("a")
        await until(pilot, lambda: any("it soaks until" in line for line in app.lines))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await pilot.press("y")
        await until(pilot, lambda: any("in week 2" in line for line in app.lines))

    operate(operated.app(), act)


def test_a_breach_rolls_back_and_going_on_wants_a_reason(operated: Operated) -> None:
    operated.walk.to(4)
    operated.walk.judgement.verdicts["trigger:error-ratio"] = Outcome.FAIL

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("l", "w")
        await until(pilot, lambda: app.seen is not None and app.seen.snapshot.word == "ROLLED BACK")
        assert any("scripted fail" in line for line in app.lines)
        operated.walk.judgement.verdicts.clear()
        await pilot.press("a")
        assert isinstance(app.screen, ReasonDialog)
        await pilot.press(*"repaired", "enter")
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await pilot.press("y")
        await until(pilot, lambda: any("in week 4" in line for line in app.lines))

    operate(operated.app(), act)
    assert operated.walk.engine.state().week == 4


def test_quit_leaves_at_once_where_nothing_runs(operated: Operated) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("q")
        assert app._exit

    operate(operated.app(), act)


@pytest.mark.parametrize("key", ["s", "f"])
def test_quit_lets_a_running_change_end_or_stop_at_a_safe_point(operated: Operated, key: str) -> None:
    operated.walk.to(1)
    go_on = threading.Event()

    def hold() -> None:
        go_on.wait(10)

    operated.walk.clock.on_sleep = hold

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("l", "w")
        await until(pilot, lambda: app.busy() is not None)
        await pilot.press("q")
        assert isinstance(app.screen, LeaveDialog)
        await pilot.press("escape")
        assert app.busy() is not None
        await pilot.press("q", key)
        assert not app._exit
        go_on.set()
        if key == "f":
            await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
            await pilot.press("y")
        await until(pilot, lambda: app._exit)

    operate(operated.app(), act)
    assert operated.walk.engine.state().week == (2 if key == "f" else 1)
    assert operated.walk.engine.state().pending is None


def test_a_check_that_hangs_does_not_keep_the_program_from_leaving(operated: Operated) -> None:
    operated.walk.to(1)
    changes, checks = threading.Event(), threading.Event()

    def hang(ids: Sequence[str], state: State) -> list[Result]:
        checks.wait(30)
        return []

    def hold() -> None:
        changes.wait(10)

    operated.walk.judgement.check = hang  # type: ignore[method-assign]
    operated.walk.clock.on_sleep = hold

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("c", "l", "w")
        await until(pilot, lambda: app.busy() is not None)
        await pilot.press("q", "s")
        assert [work.kind for work in app.unfinished()] == ["advance"]
        assert not app._exit
        changes.set()
        await until(pilot, lambda: app._exit)
        assert [work.kind for work in app.works] == ["checks"]
        assert app.works[0].daemon
        checks.set()

    operate(operated.app(), act)


def test_read_only_changes_and_journals_nothing(operated: Operated) -> None:
    operated.walk.to(4)
    before = operated.walk.kinds

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        for key in ("a", "R", "c", "w", "r"):
            await pilot.press(key)
            assert isinstance(app.screen, Home)
        assert app.works == []

    operate(operated.app(read_only=True), act)
    assert operated.walk.kinds == before
