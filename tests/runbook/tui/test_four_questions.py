"""In every room, in every state, at both sizes: where am I, is it safe, what happens next, how do I get back."""

from __future__ import annotations

import asyncio
import re

import pytest

from runbook.tui.room import Dialog
from tests.runbook.tui.hand import PICTURES, app_of
from tests.runbook.tui.settled import settled, text_of
from tests.runbook.tui.test_questions import DIALOGS
from tests.runbook.tui.test_screens import SIZES, both_sizes

ROOMS = {
    "home": "escape",
    "metrics": "m",
    "plan": "p",
    "checks": "c",
    "shadow": "s",
    "history": "h",
    "explain": "e",
    "log": "l",
    "help": "question_mark",
}


@both_sizes
@pytest.mark.parametrize("state", PICTURES)
def test_every_room_answers_them(state: str, size: tuple[int, int]) -> None:
    shot = PICTURES[state].snapshot
    where = "not started" if shot.state.week is None else f"week {shot.state.week} of 8"
    next_is = "Held by: " if shot.word == "HOLD" else f"{shot.word}: "

    async def visit() -> None:
        app = app_of(PICTURES[state])
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            app.start = lambda *_what: None  # type: ignore[assignment, method-assign]
            for room, key in ROOMS.items():
                await pilot.press(key)
                await pilot.pause()
                lines = text_of(app).splitlines()
                assert app.screen is app.home_room or app.remembered.screen == room
                assert where in lines[0], room
                assert f" {shot.word} " in lines[0], room
                body = "\n".join(lines[1:-1])
                assert next_is + shot.why[:20] in body, room
                assert re.search(r" R Rollback ", lines[-1]), room
                if room != "home":
                    assert lines[-2].startswith(f" {next_is}"), room

    asyncio.run(visit())


@pytest.mark.parametrize("name", DIALOGS)
def test_every_question_says_how_to_go_back(name: str) -> None:
    async def ask() -> None:
        app = app_of(PICTURES["hold"])
        async with app.run_test(size=SIZES[0]) as pilot:
            await settled(pilot)
            rolled: list[str] = []

            def start(kind: str, *_what: object) -> None:
                rolled.append(kind)

            app.start = start  # type: ignore[assignment, method-assign]
            app.push_screen(DIALOGS[name]())
            await pilot.pause()
            assert isinstance(app.screen, Dialog) or name in ("reason", "leave")
            assert "esc" in text_of(app)
            await pilot.press("ctrl+r")
            assert rolled == ["rollback"]

    asyncio.run(ask())
