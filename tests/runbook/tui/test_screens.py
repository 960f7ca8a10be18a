"""Every screen and every state as a picture, at two sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from checks.check import Check, Finding, Severity
from checks.runner import Result
from runbook.tui.app import MigrateApp
from tests.runbook.tui.hand import EVENTS, PICTURES, app_of, metered
from tests.runbook.tui.settled import settled, text_of

SIZES = [(80, 24), (120, 36)]
both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36"])


@both_sizes
@pytest.mark.parametrize("state", PICTURES)
def test_home(snap_compare: Any, state: str, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(PICTURES[state]), terminal_size=size, run_before=settled)


@both_sizes
@pytest.mark.parametrize("key", ["question_mark", "e", "l"], ids=["help", "explain", "log"])
def test_rooms_that_only_read(snap_compare: Any, key: str, size: tuple[int, int]) -> None:
    async def enter(pilot: Pilot[None]) -> None:
        await settled(pilot)
        pilot.app.lines.append("1/3 router           weight 10 → 0   verified   0.04 s")  # type: ignore[attr-defined]
        await pilot.press(key)

    assert snap_compare(app_of(PICTURES["hold"]), terminal_size=size, run_before=enter)


@both_sizes
def test_metrics(snap_compare: Any, size: tuple[int, int]) -> None:
    async def enter(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.press("m")
        await pilot.pause()

    assert snap_compare(app_of(replace(PICTURES["hold"], metered=metered())), terminal_size=size, run_before=enter)


@both_sizes
def test_history(snap_compare: Any, size: tuple[int, int]) -> None:
    async def enter(pilot: Pilot[None]) -> None:
        from runbook.tui.history import HistoryRoom

        await settled(pilot)
        pilot.app.start = lambda *_what: None  # type: ignore[attr-defined]
        room = pilot.app.enter(HistoryRoom)  # type: ignore[attr-defined]
        await pilot.pause()
        room.read(EVENTS, None)
        await pilot.pause()

    assert snap_compare(app_of(PICTURES["hold"]), terminal_size=size, run_before=enter)


@both_sizes
def test_checks(snap_compare: Any, size: tuple[int, int]) -> None:
    def check(name: str) -> Check:
        return Check(name, "Is it well?", "host", lambda _context: None, fine="it is well")

    torn = Finding("the store is [torn]", "What is lost stays lost.", "restore it", ("cp a b",), Severity.FAIL)

    async def enter(pilot: Pilot[None]) -> None:
        from runbook.tui.checks import ChecksRoom

        await settled(pilot)
        app = pilot.app
        assert isinstance(app, MigrateApp)
        names = app.asked_ids()
        app.results = {n: Result(check(n), None, 0.2) for n in names[:-1]}
        app.results[names[0]] = Result(check(names[0]), torn, 0.4)
        app.enter(ChecksRoom)
        await pilot.press("down")
        await pilot.pause()

    assert snap_compare(app_of(PICTURES["hold"]), terminal_size=size, run_before=enter)


def test_without_utf8_only_ascii_is_written() -> None:
    import asyncio

    async def look() -> list[str]:
        app = app_of(PICTURES["hold"], utf8=False)
        async with app.run_test(size=(120, 36)) as pilot:
            await settled(pilot)
            shown = []
            for key in ("escape", "m", "question_mark", "e"):
                await pilot.press(key)
                await pilot.pause()
                shown.append(text_of(app))
            return shown

    shown = asyncio.run(look())
    assert all(text.isascii() for text in shown)
    assert "[FAIL] p95" in shown[0]
    assert "[ok]" in shown[0]


@pytest.mark.parametrize("size", [(80, 24), (240, 60)])
def test_no_color_says_everything_in_words(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setenv("NO_COLOR", "1")

    async def look() -> str:
        app = app_of(PICTURES["hold"])
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            assert app.no_color
            return str(app.home_room.query_one("#gates").content)  # type: ignore[attr-defined]

    said = asyncio.run(look())
    assert "✗ FAIL p95" in said
    assert "? hold divergence" in said
