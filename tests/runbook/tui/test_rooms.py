"""The keys of one room each, on a real engine over a simulated world."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from deployment.divergences import Found
from deployment.errors import UnreachableError
from deployment.model import Side
from runbook.engine import Engine
from runbook.tui.app import MigrateApp
from runbook.tui.look import HOME, Past, Seen
from runbook.tui.workers import Looked
from tests.runbook.tui.hand import NOW, PICTURES, app_of, metered, observing
from tests.runbook.tui.operated import Operated, operate
from tests.runbook.tui.settled import text_of, until
from tests.runbook.walk import failing


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


def test_the_first_finding_is_in_view_however_long_the_list_and_the_finding(operated: Operated) -> None:
    operated.walk.to(0)
    long = replace(failing("the file is torn"), why="x " * 200, remedy="y " * 200)
    operated.walk.judgement.findings["boundary"] = long

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("c")
        await until(pilot, lambda: "boundary" in app.results and not app.works)
        await until(pilot, lambda: "FAIL boundary" in text_of(app))

    operate(operated.app(), act, (80, 24))


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


def test_metrics_freeze_and_change_what_they_show() -> None:
    wanted: list[Past] = []

    def look(engine: Engine, *, measure: bool, past: Past | None) -> Seen:
        if past is not None:
            wanted.append(past)
        return replace(PICTURES["hold"], metered=metered(*((past.window, past.pieces) if past else (300.0, 60))))

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("m")
        await until(pilot, lambda: wanted and wanted[-1].window == 300.0)
        await pilot.press("space")
        assert "FROZEN" in text_of(app)
        await pilot.press("space", "t")
        await until(pilot, lambda: "last 60 min" in text_of(app))
        assert "FROZEN" not in text_of(app)
        await pilot.press("t")
        await until(pilot, lambda: "last 24 h" in text_of(app))
        await pilot.press("o")
        await until(pilot, lambda: wanted[-1].operation == "read")

        def first() -> str:
            return text_of(app).splitlines()[1]

        assert first().startswith("─p95  limit ≤ 5 ms─")
        await pilot.press("down")
        assert first().startswith("─error ratio")
        await pilot.press("j", "k", "up")
        assert first().startswith("─p95")
        await pilot.click("#table", offset=(4, 3))
        assert first().startswith("─p99")
        await pilot.press("escape")
        assert app.watcher.past == HOME

    operate(app_of(PICTURES["hold"], look=look), act)


def told(**more: object) -> dict[str, object]:
    """Return what a Bridge tells of its comparisons."""
    answers = {
        "primary": {"backend": "fusepy", "bytes": "aa11", "stat": {"st_size": 5, "st_mode": 33188}},
        "shadow": {"backend": "pyfuse3", "bytes": "bb22", "stat": {"st_size": 6, "st_mode": 33188}},
    }
    one = {"at": NOW, "path": "/current/[b]a[/b]", "operations": ["read"], "differing": ["bytes", "stat"], **answers}
    counts = [{"operation": "read", "primary": "fusepy", "shadow": "pyfuse3", "comparisons": 5000, "divergence": 1}]
    usual = {"comparing": True, "counts": counts, "divergences": [one], "raced": 3, "trouble": ""}
    return {**usual, "ignored": {"st_ino": "each mount numbers its own"}, **more}


def test_a_divergence_shows_both_answers_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(_observation: object) -> tuple[Found, ...]:
        asked.append(1)
        if len(asked) > 1:
            raise UnreachableError("stable-2 does not tell what it compared", "ask again")
        return (Found("stable-2", Side.STABLE, told()), Found("canary-1", Side.CANARY, told(divergences=[], counts=[])))

    monkeypatch.setattr("runbook.tui.shadow.found", answer)

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("s")
        await until(pilot, lambda: "5,000 comparisons, 1 divergent" in text_of(app))
        rows = text_of(app).splitlines()
        assert any("aa11" in row and "bb22" in row for row in rows)
        assert any('{"st_size": 5}' in row and '{"st_size": 6}' in row for row in rows)
        assert "/current/[b]a[/b]" in text_of(app)
        await pilot.press("r")
        await until(pilot, lambda: "does not tell what it compared" in text_of(app))

    operate(app_of(PICTURES["hold"], opened=observing), act)


def test_r_measures_now(operated: Operated) -> None:
    operated.walk.to(4)
    operated.walk.clock.time += 60

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await until(pilot, lambda: operated.walk.judgement.polls)
        before = operated.walk.judgement.polls
        await pilot.press("r")
        await until(pilot, lambda: operated.walk.judgement.polls > before)

    operate(operated.app(), act)


def test_what_is_to_be_done_next_is_seen_also_where_it_says_more_than_before() -> None:
    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        assert app.seen is not None
        long = "heartbeat: the mount of canary-1: the process that serves it died and was replaced, " * 2
        shot = replace(PICTURES["rolled-back"].snapshot, why=long)
        app.on_looked(Looked(replace(app.seen, snapshot=shot)))
        await pilot.pause()
        assert "Try: c run the checks" in text_of(app)

    operate(app_of(PICTURES["soak"]), act, (120, 36))
