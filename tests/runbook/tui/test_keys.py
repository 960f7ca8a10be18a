"""Every key opens what the registry says, and every key is tried somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from deployment.errors import UsageError
from runbook.tui import keys
from runbook.tui.app import MigrateApp
from runbook.tui.checks import ChecksRoom
from runbook.tui.explain import ExplainRoom
from runbook.tui.help import HelpRoom
from runbook.tui.history import HistoryRoom
from runbook.tui.home import Home
from runbook.tui.log import LogRoom
from runbook.tui.metrics import MetricsRoom
from runbook.tui.plan import PlanRoom
from runbook.tui.shadow import ShadowRoom
from tests.runbook.tui.operated import Operated, operate
from tests.runbook.tui.settled import text_of

ROOMS = {
    "p": PlanRoom,
    "h": HistoryRoom,
    "m": MetricsRoom,
    "s": ShadowRoom,
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


def test_keys_are_moved_and_every_sentence_names_the_new_one(operated: Operated) -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("p")
        assert isinstance(app.screen, Home)
        assert "P read the plan" in text_of(app)
        await pilot.press("P")
        assert isinstance(app.screen, PlanRoom)

    operate(operated.app(moved_keys={"plan": "P"}), act)


@pytest.mark.parametrize("text", ["fly=F", "plan=a", "plan"])
def test_a_key_that_cannot_be_moved_so_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        keys.remapped(keys.moves(text))


def test_every_key_is_tried_here() -> None:
    folder = Path(__file__).parent
    source = "".join((folder / f"test_{name}.py").read_text() for name in ("keys", "movements", "rooms", "remedy"))
    for key in keys.KEYS:
        names = key.keys.split(",")
        assert any(f'"{name}"' in source for name in names), f"{key.action} is never pressed"


def room_of(app: MigrateApp) -> type:
    """Return which room is shown."""
    return type(app.screen)
