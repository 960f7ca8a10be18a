"""The guard inside the screens: it stands there, it goes back by itself, also while a question is open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from checks.gate import Status as Outcome
from runbook.guard_post import GuardPost
from runbook.state import Status
from runbook.tui.app import MigrateApp
from tests.runbook.tui.operated import Operated, operate


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    for _ in range(400):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


def test_whoever_looks_at_the_screens_stands_guard_and_leaves_in_order(tmp_path: Path) -> None:
    operated = Operated(tmp_path)
    operated.walk.to(5)
    post = GuardPost(operated.walk.settings.place.state)

    async def act(_pilot: Pilot[None], _app: MigrateApp) -> None:
        await until(lambda: "`tui` by process" in post.standing().words)

    app = operated.app(guards=True)
    operate(app, act)
    assert app.company is not None
    app.company.join(10)
    seen = post.standing()
    assert (seen.alive, seen.lost) == (False, False)


def test_a_breach_is_rolled_back_while_a_question_is_open(tmp_path: Path) -> None:
    operated = Operated(tmp_path)
    walk = operated.walk
    walk.to(5)
    walk.clock.time += 8 * 86400

    async def act(pilot: Pilot[None], app: MigrateApp) -> None:
        await pilot.press("a")
        await until(lambda: app.asks is not None)
        walk.judgement.verdicts["trigger:error-ratio"] = Outcome.FAIL
        await until(lambda: walk.engine.state().status is Status.ROLLED_BACK)
        assert walk.world.observation.weight == 0
        running = app.busy()
        assert running is not None
        running.answer(True)  # too late: what was asked is void
        await until(lambda: app.busy() is None)
        assert "rollback was asked for elsewhere" in str(running.error)

    app = operated.app(guards=True)
    operate(app, act)
    assert app.company is not None
    app.company.join(10)
    assert walk.world.observation.weight == 0


def test_a_terminal_that_only_looks_guards_nothing(tmp_path: Path) -> None:
    assert Operated(tmp_path).app(guards=True, read_only=True).company is None
