"""Wait for what a thread posts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from textual.pilot import Pilot

from runbook.tui.app import MigrateApp


async def until(pilot: Pilot[None], holds: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        await pilot.pause(0.01)
    await pilot.pause()


async def settled(pilot: Pilot[None]) -> None:
    """Wait until the first look is shown."""
    app = cast(MigrateApp, pilot.app)
    await until(pilot, lambda: app.seen is not None)


def text_of(app: MigrateApp) -> str:
    """Return what stands on the terminal, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
