"""Every key does what the registry says, on a real engine over a simulated world."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from checks.gate import Status as Outcome
from deployment.errors import UsageError
from runbook.state import Status
from runbook.tui import keys
from runbook.tui.app import MigrateApp
from runbook.tui.checks import ChecksRoom
from runbook.tui.dialogs import ConsentDialog, LeaveDialog, ReasonDialog
from runbook.tui.explain import ExplainRoom
from runbook.tui.help import HelpRoom
from runbook.tui.history import HistoryRoom
from runbook.tui.home import Home
from runbook.tui.log import LogRoom
from runbook.tui.metrics import MetricsRoom
from runbook.tui.plan import PlanRoom
from tests.runbook.tui.hand import PICTURES, app_of
from tests.runbook.tui.operated import Operated, operate
from tests.runbook.tui.settled import text_of, until
from tests.runbook.walk import failing


@pytest.fixture
def operated(tmp_path: Path) -> Operated:
    return Operated(tmp_path)


ROOMS = {
    "p": PlanRoom,
    "h": HistoryRoom,
    "m": MetricsRoom,
    "e": ExplainRoom,
    "l": LogRoom,
    "c": ChecksRoom,
    "question_mark": HelpRoom,
}


@pytest.mark.parametrize("key", ROOMS)
def test_a_key_opens_its_room_and_escape_comes_home(operated: Operated, key: str) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press(key)
        assert room_of(app) is ROOMS[key]
        await pilot.press(key)
        assert len(app.screen_stack) == 2
        await pilot.press("escape")
        assert room_of(app) is Home

    operate(operated.app(), act)


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


def test_a_finding_is_shown_and_its_remedy_copied(operated: Operated) -> None:
    operated.walk.judgement.findings["host.fuse-device"] = replace(failing("it is [b]gone[/b]"), commands=("mknod x",))

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("c")
        await until(pilot, lambda: len(app.results) > 3 and not app.works)
        options = app.screen.query_one(OptionList)
        options.highlighted = next(n for n, o in enumerate(options.options) if o.id == "host.fuse-device")
        await pilot.pause()
        shown = text_of(app)
        assert "it is [b]gone[/b]" in shown
        assert "$ mknod x" in shown
        await pilot.press("y")
        assert app.clipboard == "mknod x"
        asked = len(operated.walk.judgement.asked)
        await pilot.press("enter")
        await until(pilot, lambda: len(operated.walk.judgement.asked) > asked)

    operate(operated.app(), act)


def test_the_history_is_filtered_and_widened(operated: Operated) -> None:
    operated.walk.to(1)

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("h")
        options = app.screen.query_one(OptionList)
        await until(pilot, lambda: options.option_count > 3)
        telling = options.option_count
        await pilot.press("t")
        assert options.option_count > telling
        await pilot.press("slash", *"entered")
        await pilot.pause()
        assert options.option_count == 2
        assert "unbroken" in str(options.border_title)
        assert "R" not in app.screen.query_one(Input).value
        await pilot.press("R")  # in a text field a letter is a letter
        assert app.screen.query_one(Input).value == "enteredR"
        await pilot.press("ctrl+r")
        await until(pilot, lambda: any("rolled back to fusepy in" in line for line in app.lines))

    operate(operated.app(), act)


def test_the_weeks_are_read_one_by_one() -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        def title() -> str:
            return str(app.home_room.query_one("#week").border_title)

        assert title().startswith("Week 5")
        await pilot.press("down")
        assert title().startswith("Week 6")
        await pilot.press("k", "up")
        assert title().startswith("Week 4")
        await pilot.press("full_stop", "pagedown", "pageup")
        assert title() == "Week 5 canary-soak"
        await pilot.click("#rail", offset=(3, 3))
        assert title().startswith("Week 2")

    operate(app_of(PICTURES["hold"]), act, (80, 24))


def test_metrics_freeze_and_change_their_range() -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("m")
        await pilot.press("space")
        assert "FROZEN" in text_of(app)
        await pilot.press("space", "t")
        await pilot.pause()
        assert "15 min" in text_of(app)
        assert "FROZEN" not in text_of(app)

    operate(app_of(PICTURES["hold"]), act)


def test_r_measures_now(operated: Operated) -> None:
    operated.walk.to(4)
    operated.walk.clock.time += 60

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await until(pilot, lambda: operated.walk.judgement.polls)
        before = operated.walk.judgement.polls
        await pilot.press("r")
        await until(pilot, lambda: operated.walk.judgement.polls > before)

    operate(operated.app(), act)


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


def test_the_palette_knows_every_key(operated: Operated) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        named = [command.title for command in app.get_system_commands(app.screen)]
        assert len(named) == len(keys.of("home"))
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert len(app.screen_stack) == 2

    operate(operated.app(), act)


def test_a_click_in_the_footer_is_a_key(operated: Operated) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        row = str(app.screen.query_one("#foot", Static).content)
        await pilot.click("#foot", offset=(row.index("Plan"), 0))
        await pilot.pause()
        assert isinstance(app.screen, PlanRoom)

    operate(operated.app(), act)


def test_keys_are_moved_by_the_environment(operated: Operated) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("p")
        assert isinstance(app.screen, Home)
        await pilot.press("P")
        assert isinstance(app.screen, PlanRoom)

    operate(operated.app(remap="plan=P"), act)


@pytest.mark.parametrize("text", ["fly=F", "plan=a", "plan"])
def test_a_key_that_cannot_be_moved_so_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        keys.remapped(text)


def test_every_key_is_tried_here() -> None:
    source = Path(__file__).read_text()
    for key in keys.KEYS:
        names = key.keys.split(",")
        assert any(f'"{name}"' in source for name in names), f"{key.action} is never pressed"


def room_of(app: MigrateApp) -> type:
    """Return which room is shown."""
    return type(app.screen)
