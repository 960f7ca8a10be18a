"""What hangs beside the interface never holds it."""

from __future__ import annotations

import asyncio
import threading
import time

from deployment.errors import UnreachableError
from runbook.engine import Engine
from runbook.tui.app import MigrateApp
from runbook.tui.explain import ExplainRoom
from runbook.tui.help import HelpRoom
from runbook.tui.home import Home
from runbook.tui.look import Past, Seen
from tests.runbook.tui.hand import NOW, PICTURES, nobody
from tests.runbook.tui.settled import settled, text_of, until


class Hanging:
    """Looks once, and hangs from then on until it is let go."""

    def __init__(self) -> None:
        self.looks = 0
        self.free = threading.Event()

    def __call__(self, engine: Engine, *, measure: bool, past: Past | None) -> Seen:
        self.looks += 1
        if self.looks > 1:
            self.free.wait(30)
        return PICTURES["hold"]


def test_a_look_that_hangs_leaves_the_keys_answering_and_says_how_old_it_is() -> None:
    look, clock = Hanging(), [NOW]

    async def run() -> None:
        app = MigrateApp(nobody, look=look, now=lambda: clock[0], utf8=True)
        async with app.run_test(size=(120, 36)) as pilot:
            await settled(pilot)
            await until(pilot, lambda: look.looks == 2)
            clock[0] += 12
            for key, room in (("question_mark", HelpRoom), ("e", ExplainRoom), ("escape", Home)):
                began = time.monotonic()
                app.simulate_key(key)
                while not isinstance(app.screen, room):
                    await asyncio.sleep(0.001)
                    assert time.monotonic() - began < 2.0
            app.screen.tick()  # type: ignore[attr-defined]
            await pilot.pause()
            assert "stale 12 s" in text_of(app)
            began = time.monotonic()
            await pilot.press("q")
            assert app._exit
        assert time.monotonic() - began < 5.0
        look.free.set()

    asyncio.run(run())


def test_a_target_that_is_gone_is_said_and_looked_for_again() -> None:
    looks = []

    def look(engine: Engine, *, measure: bool, past: Past | None) -> Seen:
        looks.append(measure)
        if len(looks) == 1:
            raise UnreachableError("the [b]target[/b] does not answer", "look at the host")
        return PICTURES["soak"]

    async def run() -> None:
        app = MigrateApp(nobody, look=look, now=lambda: NOW, utf8=True)
        async with app.run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: app.trouble is not None)
            assert "the [b]target[/b] does not answer" in text_of(app)
            app.watcher.look_now()
            await until(pilot, lambda: app.seen is not None)
            assert app.trouble is None

    asyncio.run(run())
