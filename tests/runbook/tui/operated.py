"""The app over a walk in a simulated world, acted on as a person would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from runbook import snapshot
from runbook.engine import Engine
from runbook.journal import Journal
from runbook.tui.app import MigrateApp
from runbook.tui.look import Past, Seen
from tests.runbook.tui.settled import settled
from tests.runbook.walk import Walk

Act = Callable[[Pilot[None], MigrateApp], Awaitable[None]]


class Operated:
    """A walk in a simulated world that the app opens as it would a real one."""

    def __init__(self, folder: Path) -> None:
        self.walk = Walk(folder)

    @contextmanager
    def opened(self, say: Callable[[str], None], *, tolerant: bool = False) -> Iterator[Engine]:
        walk = self.walk
        journal = Journal(walk.settings.journal)
        try:
            yield Engine(walk.settings, journal, walk.world, walk.judgement, None, walk.clock, say)
        finally:
            journal.close()

    def app(self, **more: Any) -> MigrateApp:
        def look(engine: Engine, *, measure: bool, past: Past | None) -> Seen:
            return Seen(snapshot.take(engine, measure=measure), tuple(engine.journal.events()))

        return MigrateApp(self.opened, look=look, now=self.walk.clock.now, **{"utf8": True, **more})


def operate(app: MigrateApp, act: Act, size: tuple[int, int] = (120, 36)) -> None:
    """Run the app and act on it once the first look is there."""

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            await act(pilot, app)
        for work in app.works:
            work.let_go()
            work.join(10)

    asyncio.run(run())
